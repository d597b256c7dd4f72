"""The passes over feature maps in C, compiled once a machine and kept in the cache folder.

The code needs no header of torch or Python. It is linked without a library of threads: it takes the one
that torch has loaded, so that both use the same threads and not two sets of them.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

import torch

from foveal.atomic import atomic_write
from foveal.cache_folder import get_cache_folder
from foveal.machine import get_processor_name

HERE = Path(__file__).parent
SOURCES = (
    "kernels.c",
    "map_kernels.inc.h",
    "batch_norm_relu.h",
    "small_conv.h",
    "channel_mlp.h",
    "max_pool.h",
)
OPTIONS = (
    "-O3",
    "-march=native",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-fopenmp",
    "-fPIC",
    "-Wno-psabi",
)
COMPILERS = ("cc", "gcc", "clang")


@cache
def library() -> ctypes.CDLL | str:
    """Return the compiled passes, or why there are none."""
    if os.name != "posix":
        return "they are built on Linux and macOS only"
    path = built_path()
    try:
        if not path.exists():
            compiler = next(filter(None, map(shutil.which, COMPILERS)), None)
            if compiler is None:
                return "there is no C compiler"
            build(compiler, path)
        return ctypes.CDLL(str(path))
    except subprocess.CalledProcessError as error:
        lines = error.stderr.strip().splitlines() or ["without a word"]
        return f"{error.cmd[0]} failed: {lines[0]}"
    except OSError as error:  # also where the library of threads is not there to be found
        return str(error)


def built_path() -> Path:
    """Return where the library is kept, under a name of all that it depends on."""
    parts = [*((HERE / name).read_bytes() for name in SOURCES), *map(str.encode, OPTIONS)]
    parts += [get_processor_name().encode(), torch.__version__.encode()]
    return get_cache_folder() / f"gates-{hashlib.sha256(b'|'.join(parts)).hexdigest()[:16]}.so"


def build(compiler: str, path: Path) -> None:
    """Compile and link, aside: several processes may do so at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, atomic_write(path) as aside:
        compiled = Path(folder) / "gates.o"
        for command in (
            [compiler, *OPTIONS, "-c", str(HERE / SOURCES[0]), "-o", str(compiled)],
            [compiler, "-shared", str(compiled), "-o", str(aside)],
        ):
            subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
