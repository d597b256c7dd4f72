"""Setup of every test process: a home, a cache and Ray settings of its own, and torchvision without CUDA."""

import os
import shutil
import tempfile
from pathlib import Path

import pytest
import torch

# Tests neither depend on the user's home folder (a token of Ray, a cache, a matplotlibrc) nor change it.
# What takes long to make (native kernels, decoded images, fonts) is kept inside the checkout between runs.
HOME = Path(tempfile.mkdtemp(prefix="foveal-home-"))
CACHE = Path(__file__).parents[1] / ".pytest_cache" / "foveal"
os.environ |= {
    "HOME": str(HOME),
    "USERPROFILE": str(HOME),
    "XDG_CACHE_HOME": str(CACHE),
    "MPLCONFIGDIR": str(CACHE / "matplotlib"),
    "FOVEAL_CACHE": str(CACHE / "foveal"),
    "HF_HOME": str(HOME / "huggingface"),
    "RAY_TMPDIR": str(HOME / "ray"),  # short: Ray puts sockets there, whose paths have a limit
    "RAY_AUTH_MODE": "disabled",
    "RAY_USAGE_STATS_ENABLED": "0",
}
for name in (
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "RAY_ADDRESS",
    "RAY_AUTH_TOKEN",
    "RAY_AUTH_TOKEN_PATH",
):
    os.environ.pop(name, None)
(HOME / "ray").mkdir()


# Files that take longest begin first: a process that gets one at the end works alone.
SLOW_FILES = (
    "test_executors.py", "test_instruction_sets.py", "test_explain.py", "test_study.py", "test_readme.py",
    "test_sequential_study.py", "test_contract.py", "test_report_browser.py", "test_page_browser.py",
)  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort slow files to the front; their tests stay in order."""
    items.sort(key=lambda item: item.path.name not in SLOW_FILES)


def pytest_configure() -> None:
    """Build the native kernels once, before test processes and tests with an empty cache need them."""
    from foveal.kernels import unavailable_reason

    unavailable_reason()
    write_measurements()


def write_measurements() -> None:
    """Write what the probes of a machine would measure; tests of the probes have a cache of their own.

    So no test waits for a clock, and none depends on how busy the machine is.
    """
    from foveal.kernels import PARTS
    from foveal.training import count_cpu_cores
    from foveal.training.hardware_probe import BFLOAT16_PROBE, PARALLEL_PROBE, write_measurement
    from foveal.training.kernel_probe import write_step_seconds

    times = {"plain": [0.2] * 21, **{part: [0.1] * 21 for part in PARTS}}
    for threads in {1, 2, count_cpu_cores()}:
        write_measurement(f"{threads}", BFLOAT16_PROBE, 1.0)
        write_measurement(f"{threads} runs", PARALLEL_PROBE, 1.5)
        for dtype in ("float32", "bfloat16"):
            for memory_format in ("channels_last", "contiguous"):
                write_step_seconds(times, threads, dtype, memory_format)


def pytest_runtest_setup() -> None:
    """Seed torch: a test's random numbers depend on no other test, and a failure can be seen again."""
    torch.manual_seed(0)


def pytest_unconfigure(config: pytest.Config) -> None:
    shutil.rmtree(HOME, ignore_errors=True)


# torchvision has no build for a torch without CUDA from the same index; its models are plain Python, but its
# import registers kernels for operators that its compiled part should have brought. Their schemas are enough.
if not torch.version.cuda:
    try:
        import torchvision  # noqa: F401
    except RuntimeError:
        OPERATORS = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]
        for name in ("nms", "qnms"):
            OPERATORS.define(name + "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")  # type: ignore[no-untyped-call]
