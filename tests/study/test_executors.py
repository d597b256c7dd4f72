"""Every executor, in any order, gives bitwise the same results."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path

import psutil
import pytest

from foveal.atomic import get_partial_path
from foveal.errors import FovealError, UsageError
from foveal.records import read_progress, read_run
from foveal.study import Study, run_in_pool, run_in_process, run_on_ray
from foveal.study.executors import ListTasks, Outcome
from study.small_study import SMALL, change, read_rows


def test_pool(uninterrupted: Path, tmp_path: Path) -> None:
    executor = partial(run_in_pool, workers=2)
    Study.open(tmp_path / "study", SMALL).run(executor, with_extras=False)
    assert read_rows(tmp_path / "study") == read_rows(uninterrupted)


def test_two_shards(uninterrupted: Path, tmp_path: Path) -> None:
    folder = tmp_path / "study"
    study = Study.open(folder, SMALL)
    study.run(shard="2/2", with_extras=False)
    assert len(study.list_missing_runs()) == 2
    assert len(study.list_missing_runs("1/2")) == 2
    Study.open(folder, SMALL).run(shard="1/2", with_extras=False)
    assert read_rows(folder) == read_rows(uninterrupted)


@pytest.mark.parametrize("shard", ["0/2", "3/2", "1", "a/b"])
def test_refuses_an_invalid_shard(tmp_path: Path, shard: str) -> None:
    with pytest.raises(UsageError, match="Parameter `shard` should be i/n"):
        Study.open(tmp_path / "study", SMALL).run(shard=shard)


def test_reverse_order(uninterrupted: Path, tmp_path: Path) -> None:
    def run_in_reverse(list_tasks: ListTasks) -> Iterator[Outcome]:
        yield from run_in_process(lambda: list_tasks()[::-1])

    Study.open(tmp_path / "study", SMALL).run(run_in_reverse, with_extras=False)
    assert read_rows(tmp_path / "study") == read_rows(uninterrupted)


def test_killed_worker_is_replaced(uninterrupted: Path, tmp_path: Path) -> None:
    study = Study.open(tmp_path / "study", SMALL)
    outcomes = study.run_missing(partial(run_in_pool, workers=1), with_extras=False)
    next(outcomes)
    (worker,) = [
        child for child in psutil.Process().children() if "spawn_main" in " ".join(child.cmdline())
    ]
    worker.kill()
    assert [outcome.error for outcome in outcomes] == [""] * 3
    study.write_results()
    assert read_rows(tmp_path / "study") == read_rows(uninterrupted)


def test_failed_run_does_not_stop_the_others(tmp_path: Path) -> None:
    study = Study.open(tmp_path / "study", change(learning_rate=1e30, seeds=1, label_smoothing=0))
    with pytest.raises(FovealError, match=r"2 of 2 runs failed. none-seed0.*Training diverged"):
        study.run()


POOL_SCRIPT = """
import sys
from functools import partial
from pathlib import Path
from foveal.study import Study, StudyConfig, run_in_pool

if __name__ == "__main__":
    config = StudyConfig.model_validate_json(sys.argv[2])
    Study.open(Path(sys.argv[1]), config).run(partial(run_in_pool, workers=2))
"""


def test_workers_end_with_their_parent_process(tmp_path: Path) -> None:
    script, folder = tmp_path / "script.py", tmp_path / "study"
    script.write_text(POOL_SCRIPT)
    config = change(epochs=500)
    parent = subprocess.Popen([sys.executable, script, folder, config.model_dump_json()])
    runs = Study.open(tmp_path / "same", config).list_runs()
    partials = [folder / "runs" / get_partial_path(run.folder).name for run in runs]
    while not any(read_progress(partial) for partial in partials):
        assert parent.poll() is None
        time.sleep(0.05)  # until a run has started, however long that takes
    workers = psutil.Process(parent.pid).children(recursive=True)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    _, alive = psutil.wait_procs(workers, timeout=30)
    assert alive == []


@pytest.fixture
def two_nodes() -> Iterator[tuple[str, list[int]]]:
    """Start a Ray cluster of two nodes; yield its address and the processes of the second node.

    Home, temporary folder and authentication are those of the test session.
    """
    command = [sys.executable, "-m", "ray.scripts.scripts", "start", "--num-cpus", "1"]
    options = ["--disable-usage-stats", "--object-store-memory", "80000000"]
    environment = os.environ | {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "1"}
    assert environment["RAY_AUTH_MODE"] == "disabled"  # a token of the user's home must not matter
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    nodes: list[list[int]] = []

    def start_node(*arguments: str) -> None:
        before = set(psutil.pids())
        subprocess.run(
            [*command, *arguments, *options], env=environment, check=True, capture_output=True
        )
        nodes.append([pid for pid in set(psutil.pids()) - before if is_ray_process(pid)])

    try:
        start_node("--head", "--port", address.partition(":")[2], "--include-dashboard", "false")
        start_node("--address", address)
        yield address, nodes[1]
    finally:
        kill_processes(pid for node in nodes for pid in node)


def is_ray_process(pid: int) -> bool:
    try:
        return "ray" in " ".join(psutil.Process(pid).cmdline())
    except psutil.Error:
        return False


def kill_processes(pids: Iterable[int]) -> None:
    """Kill processes that still exist, and their children."""
    for pid in pids:
        with contextlib.suppress(psutil.NoSuchProcess):
            process = psutil.Process(pid)
            for child in [*process.children(recursive=True), process]:
                child.kill()


RAY_SCRIPT = """
import sys
from functools import partial
from pathlib import Path
from foveal.study import Study, StudyConfig, run_on_ray

study = Study.open(Path(sys.argv[1]), StudyConfig.model_validate_json(sys.argv[2]))
study.run(partial(run_on_ray, address=sys.argv[3]), with_extras=False)
"""


def test_cluster_that_loses_a_node(two_nodes: tuple[str, list[int]], tmp_path: Path) -> None:
    """A sequential study, whose results decide which runs come next, has the same runs as in one process."""
    address, second_node = two_nodes
    config = change(epochs=6, seeds=5, attention="none,channel", until_decided=True, max_seeds=6)
    Study.open(tmp_path / "alone", config).run(with_extras=False)
    folder = tmp_path / "study"
    driver = subprocess.Popen(
        [sys.executable, "-c", RAY_SCRIPT, str(folder), config.model_dump_json(), address]
    )
    while not (folder / "results.csv").exists():
        assert driver.poll() is None
        time.sleep(0.05)  # until a run is complete, however long that takes
    kill_processes(second_node)
    assert driver.wait() == 0
    assert read_rows(folder) == read_rows(tmp_path / "alone")
    assert len({read_run(path).environment["date"] for path in (folder / "runs").iterdir()}) > 1


def test_unreachable_cluster(tmp_path: Path) -> None:
    study = Study.open(tmp_path / "study", SMALL)
    with pytest.raises(FovealError, match=r"cluster '127\.0\.0\.1:1' cannot be reached"):
        study.run(partial(run_on_ray, address="127.0.0.1:1"))
