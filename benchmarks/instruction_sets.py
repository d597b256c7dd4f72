"""Processes that are restricted to an instruction set, to measure both kinds of machine side by side on one.

A process of the set `v3` uses AVX2 alone: in PyTorch's operations, in oneDNN, in MKL and in foveal's kernels.
"""

from __future__ import annotations

import argparse
import getpass
import multiprocessing
import os
import tempfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from foveal.kernels.instruction_set import list_supported

AVX2_ONLY = {
    "ATEN_CPU_CAPABILITY": "avx2",
    "DNNL_MAX_CPU_ISA": "AVX2",
    "MKL_ENABLE_INSTRUCTIONS": "AVX2",
}
ENVIRONMENTS: Mapping[str, Mapping[str, str]] = {"v3": AVX2_ONLY}


def add_isa_option(parser: argparse.ArgumentParser) -> None:
    """Add the option `--isa`, by default all instruction sets of this processor."""
    names = ",".join(supported.name for supported in list_supported())
    parser.add_argument("--isa", default=names, help=f"instruction sets to measure, of {names}")


def make_environment(isa: str) -> dict[str, str]:
    """Return the environment of a process that uses an instruction set.

    `torch.compile` does not tell the sets apart in its cache: code for one, read by a process of the other,
    writes beyond its buffers. So each set has a folder of its own.
    """
    cache = Path(tempfile.gettempdir()) / f"torchinductor_foveal_{getpass.getuser()}_{isa}"
    return {**os.environ, "TORCHINDUCTOR_CACHE_DIR": str(cache), **ENVIRONMENTS.get(isa, {})}


@contextmanager
def restricted_environment(isa: str) -> Iterator[None]:
    """Restrict processes that are started inside the block to an instruction set."""
    before = dict(os.environ)
    os.environ.update(make_environment(isa))
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextmanager
def start_processes(options: argparse.Namespace) -> Iterator[dict[str, ProcessPoolExecutor]]:
    """Yield one process per instruction set of `--isa`; each does one thing at a time."""
    spawn = multiprocessing.get_context("spawn")
    processes: dict[str, ProcessPoolExecutor] = {}
    try:
        for isa in options.isa.split(","):
            processes[isa] = ProcessPoolExecutor(1, mp_context=spawn)
            with restricted_environment(isa):
                processes[isa].submit(os.getpid).result()
        yield processes
    finally:
        for process in processes.values():
            process.shutdown()
