"""Build of the kernel library: cached, hashed, and never required."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from ctypes import CDLL
from pathlib import Path

import pytest
import torch

from attention.gate_contract import features
from foveal.attention import create
from foveal.errors import UsageError
from foveal.kernels import build, native_kernels, unavailable_reason
from kernels.comparison import requires_native_kernels

pytestmark = requires_native_kernels


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


def test_compiles_and_loads_the_library(small_source: Path) -> None:
    library = build.load_library()
    assert isinstance(library, CDLL)
    assert library.strips() == 64
    assert build.get_library_path().exists()
    assert unavailable_reason() is None


def test_loads_a_cached_library_without_a_compiler(
    small_source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build.load_library()
    build.load_library.cache_clear()
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    assert isinstance(build.load_library(), CDLL)


def test_another_source_has_another_path(small_source: Path) -> None:
    path = build.get_library_path()
    small_source.write_text("int strips(void) { return 1; }\n")
    assert build.get_library_path() != path


def test_gives_the_first_error_of_the_compiler_as_reason(small_source: Path) -> None:
    small_source.write_text("#error of this test\n")
    reason = unavailable_reason()
    assert reason is not None
    assert "failed" in reason
    assert not list(build.get_library_path().parent.iterdir())


@pytest.mark.usefixtures("small_source")
def test_gates_are_plain_without_a_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    gate, x = create("cbam", 8).eval(), features(2, 8, 5, 4)
    with native_kernels(False):
        plain = gate(x)
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    assert torch.equal(gate(x), plain)
    with pytest.raises(UsageError, match="no C compiler"), native_kernels(True):
        pass
