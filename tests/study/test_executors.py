"""Whoever does the runs, in whatever order, the study ends the same to the last bit."""

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

from foveal.errors import FovealError, UsageError
from foveal.records import get_partial_path, read_progress, read_run
from foveal.study import Study, run_in_pool, run_in_process, run_on_ray
from foveal.study.executors import Outcome, Task
from study.small_study import SMALL, changed, rows

LONG = changed(epochs=12, seeds=3)


def test_a_pool_gives_the_same(unbroken: Path, tmp_path: Path) -> None:
    Study.open(tmp_path / "study", SMALL).run(partial(run_in_pool, workers=2))
    assert rows(tmp_path / "study") == rows(unbroken)


def test_two_shards_give_the_same(unbroken: Path, tmp_path: Path) -> None:
    folder = tmp_path / "study"
    study = Study.open(folder, SMALL)
    study.run(shard="2/2")
    assert len(study.list_missing_runs()) == 2
    assert len(study.list_missing_runs("1/2")) == 2
    Study.open(folder, SMALL).run(shard="1/2")
    assert rows(folder) == rows(unbroken)


@pytest.mark.parametrize("shard", ["0/2", "3/2", "1", "a/b"])
def test_a_shard_that_is_none(tmp_path: Path, shard: str) -> None:
    with pytest.raises(UsageError, match="Parameter `shard` should be i/n"):
        Study.open(tmp_path / "study", SMALL).run(shard=shard)


def test_the_order_does_not_matter(unbroken: Path, tmp_path: Path) -> None:
    def backwards(tasks: list[Task]) -> Iterator[Outcome]:
        yield from run_in_process(tasks[::-1])

    Study.open(tmp_path / "study", SMALL).run(backwards)  # type: ignore[arg-type]
    assert rows(tmp_path / "study") == rows(unbroken)


def test_a_worker_that_is_killed_costs_a_new_start_only(unbroken: Path, tmp_path: Path) -> None:
    study = Study.open(tmp_path / "study", SMALL)
    outcomes = study.run_missing(partial(run_in_pool, workers=1))
    next(outcomes)
    (worker,) = [
        child for child in psutil.Process().children() if "spawn_main" in " ".join(child.cmdline())
    ]
    worker.kill()
    assert [outcome.error for outcome in outcomes] == [""] * 3
    study.write_results()  # closes the table, which is not written again after every run
    assert rows(tmp_path / "study") == rows(unbroken)


def test_a_run_that_fails_does_not_stop_the_others(tmp_path: Path) -> None:
    study = Study.open(tmp_path / "study", changed(learning_rate=1e30, seeds=1, label_smoothing=0))
    with pytest.raises(FovealError, match=r"2 of 2 runs failed; none-seed0.*Training diverged"):
        study.run()


AFTER_ITS_PARENT = """
import sys
from functools import partial
from pathlib import Path
from foveal.study import Study, StudyConfig, run_in_pool

if __name__ == "__main__":
    config = StudyConfig.model_validate_json(sys.argv[2])
    Study.open(Path(sys.argv[1]), config).run(partial(run_in_pool, workers=2))
"""


def test_workers_end_with_the_process_that_they_work_for(tmp_path: Path) -> None:
    script, folder = tmp_path / "script.py", tmp_path / "study"
    script.write_text(AFTER_ITS_PARENT)
    config = changed(epochs=500)
    started = subprocess.Popen([sys.executable, script, folder, config.model_dump_json()])
    paths = [
        get_partial_path(path) for _, path in Study.open(tmp_path / "same", config).list_runs()
    ]
    asides = [folder / "runs" / path.name for path in paths]
    while not any(read_progress(aside) for aside in asides):
        assert started.poll() is None
        time.sleep(0.05)  # the run has to have begun; nothing hangs on how long that takes
    workers = psutil.Process(started.pid).children(recursive=True)
    started.send_signal(signal.SIGKILL)
    started.wait()
    _, alive = psutil.wait_procs(workers, timeout=30)
    assert alive == []


@pytest.fixture
def two_nodes() -> Iterator[tuple[str, list[int]]]:
    """Start a Ray cluster of two nodes on this machine; yield its address and the second's processes."""
    ray = [sys.executable, "-m", "ray.scripts.scripts", "start", "--num-cpus", "1"]
    options = ["--disable-usage-stats", "--object-store-memory", "80000000"]
    environment = os.environ | {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "1"}
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    nodes: list[list[int]] = []

    def start(*arguments: str) -> None:
        before = set(psutil.pids())
        subprocess.run(
            [*ray, *arguments, *options], env=environment, check=True, capture_output=True
        )
        nodes.append([pid for pid in set(psutil.pids()) - before if of_ray(pid)])

    try:
        start("--head", "--port", address.partition(":")[2], "--include-dashboard", "false")
        start("--address", address)
        yield address, nodes[1]
    finally:
        kill(pid for node in nodes for pid in node)


def of_ray(pid: int) -> bool:
    """Say whether a process is one that a node of Ray consists of."""
    try:
        return "ray" in " ".join(psutil.Process(pid).cmdline())
    except psutil.Error:
        return False


def kill(pids: Iterable[int]) -> None:
    """Kill what is left of some processes, and what they have started."""
    for pid in pids:
        with contextlib.suppress(psutil.NoSuchProcess):
            process = psutil.Process(pid)
            for child in [*process.children(recursive=True), process]:
                child.kill()


def test_a_cluster_that_loses_a_node_gives_the_same(
    two_nodes: tuple[str, list[int]], tmp_path: Path
) -> None:
    address, second = two_nodes
    Study.open(tmp_path / "alone", LONG).run()
    folder = tmp_path / "study"
    command = [sys.executable, "-c", ON_RAY, str(folder), LONG.model_dump_json(), address]
    driver = subprocess.Popen(command)
    while not (folder / "results.csv").exists():
        assert driver.poll() is None
        time.sleep(0.05)  # a first run has to be complete; nothing hangs on how long that takes
    kill(second)
    assert driver.wait() == 0
    assert rows(folder) == rows(tmp_path / "alone")
    assert len({read_run(path).environment["date"] for path in (folder / "runs").iterdir()}) > 1


ON_RAY = """
import sys
from functools import partial
from pathlib import Path
from foveal.study import Study, StudyConfig, run_on_ray

config = StudyConfig.model_validate_json(sys.argv[2])
Study.open(Path(sys.argv[1]), config).run(partial(run_on_ray, address=sys.argv[3]))
"""


def test_a_cluster_that_is_not_there(tmp_path: Path) -> None:
    study = Study.open(tmp_path / "study", SMALL)
    with pytest.raises(FovealError, match=r"cluster '127\.0\.0\.1:1' cannot be reached"):
        study.run(partial(run_on_ray, address="127.0.0.1:1"))
