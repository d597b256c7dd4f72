"""Build hook of hatchling that `make wheel` turns on: native kernels inside the wheel.

All other builds leave it off and make a wheel of plain Python, whose kernels are compiled on first use. The
hook needs a C compiler and foveal's dependencies, so it runs without build isolation.
"""

import platform
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

from foveal.kernels.build import compile_library, find_compiler, get_library_name
from foveal.kernels.instruction_set import ARMV8, V3, V4

INSTRUCTION_SETS = {"x86_64": (V3, V4), "aarch64": (ARMV8,)}


class NativeKernelsHook(BuildHookInterface[Any]):
    """Compile the kernels for every instruction set of this architecture that a wheel supports."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        architecture, compiler = platform.machine(), find_compiler()
        if compiler is None:
            self.app.abort("There is no C compiler. Install gcc.")
        for instruction_set in INSTRUCTION_SETS[architecture]:
            name = get_library_name(instruction_set)
            path = Path(self.root, "build", "prebuilt", name)
            compile_library(compiler, path, instruction_set)
            build_data["force_include"][str(path)] = f"foveal/kernels/prebuilt/{name}"
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-linux_{architecture}"  # auditwheel replaces it by manylinux
