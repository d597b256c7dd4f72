"""The library of native CPU kernels for one instruction set: from the wheel, the cache folder, or compiled now.

The code needs no header of torch or Python and no function of the C library but memcpy and memset. It is
linked without an OpenMP library: it uses the one that torch has loaded, so that both share one pool of
threads.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from ctypes import CDLL
from functools import cache
from pathlib import Path

from foveal.atomic import atomic_write
from foveal.cache_folder import get_cache_folder
from foveal.kernels.constants import COMPILER_DEFINITIONS
from foveal.kernels.instruction_set import NATIVE, InstructionSet, get_instruction_set
from foveal.machine import get_processor_name

SOURCE_FOLDER = Path(__file__).parent / "csrc"
MAIN_SOURCE = SOURCE_FOLDER / "kernels.c"
PREBUILT_FOLDER = Path(__file__).parent / "prebuilt"
"""Libraries that a wheel contains; a source tree has none."""

_OPTIONS = (
    "-O3",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-fopenmp",
    "-fPIC",
    "-Wno-psabi",
    *COMPILER_DEFINITIONS,
)
_COMPILERS = ("cc", "gcc", "clang")


@cache
def load_library() -> CDLL | str:
    """Return the library of kernels, compiled if necessary, or the reason why there is none."""
    if os.name != "posix":
        return "they are built on Linux and macOS only"
    name = get_library_name(get_instruction_set())
    try:
        for folder in (PREBUILT_FOLDER, get_cache_folder()):
            if (folder / name).exists():
                return CDLL(str(folder / name))
        compiler = find_compiler()
        if compiler is None:
            return "there is no C compiler"
        path = get_cache_folder() / name
        compile_library(compiler, path, get_instruction_set())
        return CDLL(str(path))
    except subprocess.CalledProcessError as error:
        lines = error.stderr.strip().splitlines() or ["no error message"]
        return f"{error.cmd[0]} failed: {lines[0]}"
    except OSError as error:  # for example, the OpenMP library is missing
        return str(error)


def unavailable_reason() -> str | None:
    """Return the reason why this machine has no native kernels, or None if it has them."""
    library = load_library()
    return library if isinstance(library, str) else None


def describe_library() -> dict[str, str]:
    """Return the compiler, and the path of the library or why there is none."""
    library = load_library()
    return {
        "compiler": find_compiler() or "none",
        "kernel_library": library if isinstance(library, str) else str(library._name),
    }


def find_compiler() -> str | None:
    """Return the path of a C compiler, or None."""
    return next(filter(None, map(shutil.which, _COMPILERS)), None)


def get_library_name(instruction_set: InstructionSet) -> str:
    """Return the file name of a library, with a hash of everything that the binary depends on."""
    parts = [path.read_bytes() for path in sorted(SOURCE_FOLDER.iterdir())]
    parts += map(str.encode, list_options(instruction_set))
    if instruction_set == NATIVE:
        parts.append(get_processor_name().encode())
    digest = hashlib.sha256(b"|".join(parts)).hexdigest()[:16]
    return f"kernels-{instruction_set.name}-{digest}.so"


def list_options(instruction_set: InstructionSet) -> tuple[str, ...]:
    """Return the options of the compiler, without files."""
    return f"-march={instruction_set.march}", *_OPTIONS


def compile_library(compiler: str, path: Path, instruction_set: InstructionSet) -> None:
    """Compile and link a library, then move it to `path`; several processes may do so at once.

    Raises:
        CalledProcessError: the compiler failed; its message is in `stderr`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, atomic_write(path) as temporary:
        compiled = str(Path(folder) / "kernels.o")
        _run([compiler, *list_options(instruction_set), "-c", str(MAIN_SOURCE), "-o", compiled])
        _run([compiler, "-shared", compiled, "-o", str(temporary)])


def _run(command: Iterable[str]) -> None:
    """Run a command and capture its output."""
    subprocess.run([*command], check=True, capture_output=True, text=True)  # noqa: S603
