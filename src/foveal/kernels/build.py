"""The library of native CPU kernels, compiled once per machine and stored in the cache folder.

The code needs no header of torch or Python. It is linked without an OpenMP library: it uses the one that torch
has loaded, so that both share one pool of threads.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from ctypes import CDLL
from functools import cache
from pathlib import Path

import torch

from foveal.atomic import atomic_write
from foveal.cache_folder import get_cache_folder
from foveal.kernels.constants import COMPILER_DEFINITIONS
from foveal.machine import get_processor_name

SOURCE_FOLDER = Path(__file__).parent / "csrc"
MAIN_SOURCE = SOURCE_FOLDER / "kernels.c"
_OPTIONS = (
    "-O3",
    "-march=native",
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
    path = get_library_path()
    try:
        if not path.exists():
            compiler = next(filter(None, map(shutil.which, _COMPILERS)), None)
            if compiler is None:
                return "there is no C compiler"
            _compile_library(compiler, path)
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


def get_library_path() -> Path:
    """Return the path of the library; its name is a hash of everything that the binary depends on."""
    parts = [path.read_bytes() for path in sorted(SOURCE_FOLDER.iterdir())]
    parts += [*map(str.encode, _OPTIONS), get_processor_name().encode(), torch.__version__.encode()]
    return get_cache_folder() / f"kernels-{hashlib.sha256(b'|'.join(parts)).hexdigest()[:16]}.so"


def _compile_library(compiler: str, path: Path) -> None:
    """Compile and link the library, then move it to `path`; several processes may do so at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, atomic_write(path) as temporary:
        compiled = Path(folder) / "kernels.o"
        for command in (
            [compiler, *_OPTIONS, "-c", str(MAIN_SOURCE), "-o", str(compiled)],
            [compiler, "-shared", str(compiled), "-o", str(temporary)],
        ):
            subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
