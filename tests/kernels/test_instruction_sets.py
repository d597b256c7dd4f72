"""The kernels of every instruction set that runs on this processor."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from foveal.errors import UsageError
from foveal.kernels import get_instruction_set
from foveal.kernels.build import SOURCE_FOLDER, find_compiler, list_options
from foveal.kernels.instruction_set import (
    ARMV8,
    ENVIRONMENT_VARIABLE,
    NATIVE,
    V3,
    V4,
    InstructionSet,
    list_supported,
    split_choice,
)
from kernels.comparison import requires_native_kernels

OTHER_SETS = [known for known in list_supported() if known != get_instruction_set()]
SSE2 = InstructionSet("sse2", "x86-64")  # vectors of four floats, as with NEON
NATIVE_SETS = [*list_supported(), *([SSE2] if platform.machine() == "x86_64" else [])]
ARM_COMPILER = "aarch64-linux-gnu-gcc"
ARM_EMULATORS = ("qemu-aarch64-static", "qemu-aarch64")
ARM_LIBRARIES = "/usr/aarch64-linux-gnu"


@requires_native_kernels
@pytest.mark.parametrize("name", [other.name for other in OTHER_SETS])
def test_kernels_of_other_instruction_sets(name: str) -> None:
    """All tests of this room but this file pass in a process with the other kernels."""
    folder = Path(__file__).parent
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", str(folder), f"--ignore={__file__}"],
        env=os.environ | {ENVIRONMENT_VARIABLE: f"native-{name}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:]


def run_c_check(
    compiler: str, instruction_set: InstructionSet, optimization: str, program: Path, *emulator: str
) -> None:
    """Compile the check in C without a warning and run it."""
    source = Path(__file__).with_name("check_kernels.c")
    options = [*list_options(instruction_set), optimization, "-Wall", "-Wextra", "-Werror"]
    for command in (
        [compiler, *options, f"-I{SOURCE_FOLDER}", str(source), "-lm", "-o", str(program)],
        [*emulator, str(program)],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, (done.stderr + done.stdout)[-4000:]


@pytest.mark.parametrize("instruction_set", NATIVE_SETS, ids=lambda known: known.name)
def test_c_check(instruction_set: InstructionSet, tmp_path: Path) -> None:
    compiler = find_compiler()
    if compiler is None or not sys.platform.startswith("linux"):
        pytest.skip("the check needs Linux and a C compiler")
    run_c_check(compiler, instruction_set, "-O0", tmp_path / "check")  # -O0 compiles in a second


def test_c_check_in_an_emulator_of_arm(tmp_path: Path) -> None:
    """The C code compiles for aarch64 without a warning and computes the same there."""
    emulator = next(filter(None, map(shutil.which, ARM_EMULATORS)), None)
    if shutil.which(ARM_COMPILER) is None or emulator is None:
        pytest.skip(f"{ARM_COMPILER} or qemu is missing")
    run_c_check(ARM_COMPILER, ARMV8, "-O1", tmp_path / "check", emulator, "-L", ARM_LIBRARIES)


def test_follows_pytorch_and_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    get_instruction_set.cache_clear()
    try:
        supported = list_supported()
        assert supported in {(V4, V3), (V3,), (ARMV8,), (NATIVE,)}
        monkeypatch.setenv(ENVIRONMENT_VARIABLE, f"native-{supported[-1].name}")
        assert get_instruction_set() == supported[-1]
        get_instruction_set.cache_clear()
        monkeypatch.setenv(ENVIRONMENT_VARIABLE, "native-v9")
        with pytest.raises(UsageError, match="Found `FOVEAL_KERNELS = 'native-v9'`"):
            get_instruction_set()
    finally:
        get_instruction_set.cache_clear()


def test_splits_kernels_and_instruction_set() -> None:
    assert split_choice("gate+norm") == ("gate+norm", None)
    assert split_choice("native-v4") == ("native", "v4")
