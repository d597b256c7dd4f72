"""Freed memory stays with the process: counts of page faults in new processes, with and without."""

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from foveal.study import RunConfig, run_in_pool
from foveal.study.executors import Task

TESTS = Path(__file__).parent
HAS_GLIBC = platform.libc_ver()[0] == "glibc"
needs_glibc = pytest.mark.skipif(not HAS_GLIBC, reason="only the malloc of glibc has settings")
MANY_FAULTS = 20_000
"""Between the page faults of processes that keep freed memory, below 5,000, and of others, above 50,000."""
CALL = "import foveal; print(foveal.keep_freed_memory())"
MALLOC = """
#include <stddef.h>
extern void *__libc_malloc(size_t size);
void *malloc(size_t size) { return __libc_malloc(size); }
"""


def run_python(*arguments: str, **variables: str) -> str:
    """Return what a new process prints, with the default settings of malloc and with `variables`."""
    environment = {name: value for name, value in os.environ.items() if "MALLOC" not in name}
    environment.pop("GLIBC_TUNABLES", None)
    done = subprocess.run(
        [sys.executable, *arguments],
        env=environment | variables,
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()


@needs_glibc
def test_kept_memory_is_not_paged_in_again() -> None:
    script = str(TESTS / "page_faults.py")
    assert int(run_python(script, "keep")) < MANY_FAULTS < int(run_python(script))


@needs_glibc
def test_command_keeps_freed_memory() -> None:
    script = (
        "import sys; from foveal.__main__ import start; sys.argv[1:] = ['list']; start();"
        f"sys.path.append({str(TESTS)!r}); import page_faults; print(page_faults.count_page_faults())"
    )
    assert int(run_python("-c", script).splitlines()[-1]) < MANY_FAULTS


@needs_glibc
def test_worker_process_keeps_freed_memory(tmp_path: Path) -> None:
    config = RunConfig(data="page_faults:fail_with_page_faults")
    (outcome,) = run_in_pool(lambda: [Task(config, tmp_path / "run")], workers=1)
    error, faults = outcome.error.split(": ")
    assert error == "RuntimeError"
    assert int(faults) < MANY_FAULTS


def test_result_says_whether_memory_is_kept() -> None:
    assert run_python("-c", CALL) == str(HAS_GLIBC)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MALLOC_TRIM_THRESHOLD_", "131072"),
        ("MALLOC_MMAP_MAX_", "65536"),
        ("GLIBC_TUNABLES", "glibc.malloc.trim_threshold=131072"),
    ],
)
def test_thresholds_of_the_environment_stay(name: str, value: str) -> None:
    assert run_python("-c", CALL, **{name: value}) == "False"


@needs_glibc
def test_other_settings_of_the_environment_do_not_matter() -> None:
    assert run_python("-c", CALL, MALLOC_ARENA_MAX="2") == "True"


@needs_glibc
@pytest.mark.skipif(shutil.which("cc") is None, reason="builds a library with a malloc")
def test_another_malloc_is_left_alone(tmp_path: Path) -> None:
    source, library = tmp_path / "malloc.c", tmp_path / "malloc.so"
    source.write_text(MALLOC)
    subprocess.run(["cc", "-shared", "-fPIC", source, "-o", library], check=True)
    assert run_python("-c", CALL, LD_PRELOAD=str(library)) == "False"
