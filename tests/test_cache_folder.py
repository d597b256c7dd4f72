"""Location of the cache folder on each operating system."""

from pathlib import Path

import pytest

from foveal.cache_folder import get_cache_folder

HOME = Path.home()


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FOVEAL_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("platform", "caches"),
    [
        ("linux", HOME / ".cache"),
        ("darwin", HOME / "Library" / "Caches"),
        ("win32", HOME / "AppData" / "Local"),
    ],
)
def test_folder_of_the_operating_system(
    monkeypatch: pytest.MonkeyPatch, platform: str, caches: Path
) -> None:
    monkeypatch.setattr("sys.platform", platform)
    assert get_cache_folder() == caches / "foveal"


def test_xdg_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/caches")
    assert get_cache_folder() == Path("/caches/foveal")
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")  # invalid by the specification
    assert get_cache_folder() != Path("relative/foveal")


def test_environment_variable_takes_precedence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/caches")
    monkeypatch.setenv("FOVEAL_CACHE", "~/elsewhere")
    assert get_cache_folder() == HOME / "elsewhere"
