"""The kernels of every instruction set that runs on this processor."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from foveal.errors import UsageError
from foveal.kernels import get_instruction_set
from foveal.kernels.instruction_set import (
    ENVIRONMENT_VARIABLE,
    NATIVE,
    V3,
    V4,
    list_supported,
    split_choice,
)
from kernels.comparison import requires_native_kernels

OTHER_SETS = [known for known in list_supported() if known != get_instruction_set()]


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


def test_follows_pytorch_and_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    get_instruction_set.cache_clear()
    try:
        supported = list_supported()
        assert supported in {(V4, V3), (V3,), (NATIVE,)}
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
