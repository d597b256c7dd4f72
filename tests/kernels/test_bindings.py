"""Argument types of the kernels, compared with the C sources."""

from __future__ import annotations

import re
from ctypes import c_int

import pytest
import torch

import foveal.kernels
from foveal.kernels.bindings import (
    DTYPE_NAMES,
    FLAG,
    NUMBER,
    POINTER,
    SIGNATURES,
    SIZE,
    find_kernel,
)
from foveal.kernels.build import SOURCE_FOLDER
from kernels.comparison import requires_native_kernels

C_TYPES = {"int": FLAG, "int64_t": SIZE, "double": NUMBER}
GATE_LAYERS = ("pad", "conv", "small_batch_norm", "channel_mlp")  # not for bfloat16


def parse_prototypes() -> dict[str, tuple[type, ...]]:
    """Return the argument types of all exported functions in the C sources."""
    prototypes: dict[str, tuple[type, ...]] = {}
    for path in SOURCE_FOLDER.glob("*.inc.h"):
        for name, arguments in re.findall(
            r"^void NAME\((\w+)\)\((.*?)\)\n\{", path.read_text(), flags=re.MULTILINE | re.DOTALL
        ):
            types = [argument.rsplit(maxsplit=1)[0].strip() for argument in arguments.split(",")]
            prototypes[name] = tuple(
                POINTER if "*" in argument else C_TYPES[type_]
                for argument, type_ in zip(arguments.split(","), types, strict=True)
            )
    return prototypes


def test_signatures_equal_the_prototypes_in_c() -> None:
    expected = {name: (c_int, *types) for name, types in SIGNATURES.items()}
    assert parse_prototypes() == expected


def test_readme_lists_every_kernel() -> None:
    readme = (SOURCE_FOLDER.parent / "README.md").read_text(encoding="utf-8")
    kernels = [name for name in foveal.kernels.__all__ if name.startswith("apply_")]
    assert [name for name in kernels if f"| `{name}` |" not in readme] == []


@requires_native_kernels
@pytest.mark.parametrize("name", SIGNATURES)
def test_library_has_each_kernel(name: str) -> None:
    for dtype in DTYPE_NAMES:
        if dtype == torch.bfloat16 and name.startswith(GATE_LAYERS):
            continue
        function = find_kernel(name, dtype)
        assert function.restype is None  # type: ignore[attr-defined]
        assert len(function.argtypes) == 1 + len(SIGNATURES[name])  # type: ignore[attr-defined]
