"""The choice of kernels: the block, the environment, and the table of measured instruction sets."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import torch
from torch import nn

from foveal import kernels
from foveal.errors import UsageError
from foveal.kernels import supports_batch_norm_relu, supports_max_pool, supports_pools
from foveal.kernels.choice import PARTS
from foveal.kernels.instruction_set import ENVIRONMENT_VARIABLE, V3, V4, list_supported
from kernels.comparison import requires_native_kernels


def supported_parts() -> set[str]:
    """Return the parts whose kernels support an ordinary map."""
    x = torch.ones(2, 8, 4, 6).contiguous(memory_format=torch.channels_last)
    answers = {
        "gate": supports_pools(x, ("avg", "max")),
        "norm": supports_batch_norm_relu(nn.BatchNorm2d(8), x),
        "pool": supports_max_pool(x),
    }
    return {part for part, answer in answers.items() if answer}


@requires_native_kernels
@pytest.mark.parametrize(
    ("choice", "parts"),
    [
        ("native", {*PARTS}),
        ("plain", set()),
        ("gate", {"gate"}),
        ("norm+pool", {"norm", "pool"}),
    ],
)
def test_each_part_follows_the_block(choice: str, parts: set[str]) -> None:
    with kernels.use(choice):
        assert supported_parts() == parts


@requires_native_kernels
@pytest.mark.parametrize(
    ("choice", "parts"),
    [("native", {*PARTS}), ("plain", set()), ("pool", {"pool"}), ("native-v3", {*PARTS})],
)
def test_threads_start_with_the_choice_of_the_environment(
    choice: str, parts: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ENVIRONMENT_VARIABLE, choice)
    assert supported_parts() == parts
    assert kernels.read_environment() == kernels.get_default_kernels()
    with kernels.use("auto"):
        assert supported_parts() == parts
    with kernels.use("plain"):
        assert not supported_parts()


@requires_native_kernels
def test_the_environment_is_silent_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ENVIRONMENT_VARIABLE, raising=False)
    assert kernels.read_environment() is None
    if list_supported()[0] in {V4, V3}:
        assert kernels.get_default_kernels() == "gate+norm+pool"


@pytest.mark.parametrize("choice", ["fast", "gate+conv", ""])
def test_refuses_unknown_kernels(choice: str) -> None:
    with pytest.raises(UsageError, match="`kernels` should be auto, native"), kernels.use(choice):
        pass


@pytest.mark.parametrize("choice", ["fast", "native-v5"])
def test_refuses_unknown_values_in_the_environment(choice: str) -> None:
    code = (
        "from foveal.attention import create; import torch; create('se', 4)(torch.ones(1, 4, 3, 2))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {ENVIRONMENT_VARIABLE: choice},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert f"Parameter `{ENVIRONMENT_VARIABLE}` should be" in done.stderr.splitlines()[-1]
    assert choice in done.stderr.splitlines()[-1]
