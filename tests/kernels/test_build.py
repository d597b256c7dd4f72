"""Build of the kernel library: cached, hashed, and never required."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from ctypes import CDLL
from pathlib import Path

import pytest
import torch

from attention.gate_contract import features
from foveal import kernels
from foveal.attention import create
from foveal.cache_folder import get_cache_folder
from foveal.errors import UsageError
from foveal.kernels import build, get_instruction_set, unavailable_reason
from foveal.kernels.instruction_set import ENVIRONMENT_VARIABLE
from kernels.comparison import requires_native_kernels

pytestmark = [
    requires_native_kernels,
    pytest.mark.skipif(build.find_compiler() is None, reason="no C compiler"),
]


@pytest.fixture
def small_source(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """Set an empty cache folder and a source that compiles in no time; load the real library afterwards."""
    source = tmp_path / "source" / "kernels.c"
    source.parent.mkdir()
    source.write_text("int strips(void) { return STRIPS; }\n")
    monkeypatch.setattr(build, "SOURCE_FOLDER", source.parent)
    monkeypatch.setattr(build, "MAIN_SOURCE", source)
    monkeypatch.setenv("FOVEAL_CACHE", str(tmp_path / "cache"))
    build.load_library.cache_clear()
    yield source
    build.load_library.cache_clear()


def get_cached_path() -> Path:
    """Return the path of the library in the cache folder."""
    return get_cache_folder() / build.get_library_name(get_instruction_set())


def test_compiles_and_loads_the_library(small_source: Path) -> None:
    library = build.load_library()
    assert isinstance(library, CDLL)
    assert library.strips() == 64
    assert get_cached_path().exists()
    assert unavailable_reason() is None


def test_loads_a_cached_library_without_a_compiler(
    small_source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build.load_library()
    build.load_library.cache_clear()
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    assert isinstance(build.load_library(), CDLL)


def test_takes_a_prebuilt_library_before_the_cached_one(
    small_source: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    build.load_library()
    build.load_library.cache_clear()
    prebuilt = tmp_path / "prebuilt" / get_cached_path().name
    prebuilt.parent.mkdir()
    shutil.copy(get_cached_path(), prebuilt)
    monkeypatch.setattr(build, "PREBUILT_FOLDER", prebuilt.parent)
    assert build.describe_library()["kernel_library"] == str(prebuilt)


def test_another_source_has_another_path(small_source: Path) -> None:
    path = get_cached_path()
    small_source.write_text("int strips(void) { return 1; }\n")
    assert get_cached_path() != path


def test_gives_the_first_error_of_the_compiler_as_reason(small_source: Path) -> None:
    small_source.write_text("#error of this test\n")
    reason = unavailable_reason()
    assert reason is not None
    assert "failed" in reason
    assert not list(get_cached_path().parent.iterdir())


@pytest.mark.usefixtures("small_source")
def test_gates_are_plain_without_a_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    gate, x = create("cbam", 8).eval(), features(2, 8, 5, 4)
    with kernels.use("plain"):
        plain = gate(x)
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    monkeypatch.delenv(ENVIRONMENT_VARIABLE, raising=False)
    assert torch.equal(gate(x), plain)
    with pytest.raises(UsageError, match="no C compiler"), kernels.use("native"):
        pass
