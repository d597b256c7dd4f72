"""Runs on many machines by Ray; the study's folder must be one that all of them see."""

from __future__ import annotations

import logging
import os
import socket
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from foveal.errors import FovealError, UsageError
from foveal.optional_imports import suggest_install
from foveal.study.executors.task import Outcome, Task, attempt

HERE = "local"
ANSWER = 10.0  # seconds that the head of a cluster may take to answer
QUIET = {"RAY_USAGE_STATS_ENABLED": "0"}


def run_on_ray(
    tasks: Sequence[Task], *, address: str = HERE, gpus: float | None = None, retries: int = 3
) -> Iterator[Outcome]:
    """Do the tasks on a Ray cluster; a run whose machine is lost goes on elsewhere from its checkpoint.

    Args:
        tasks: their folders must lie where every machine sees them under the same path.
        address: `local` for a cluster on this machine alone, `auto` for the one that runs here, or
            host:port of another.
        gpus: how much of a GPU a run takes; 0.25 puts four runs on each. By default a whole one where
            the study is for `cuda`.
        retries: how often a run is begun again when its process or its machine is lost.

    Raises:
        UsageError: Ray is not installed, or no machine of the cluster has what a run takes.
        FovealError: the cluster cannot be reached.
    """
    if not tasks:
        return
    ray = connect(address)
    takes = needs(tasks[0], gpus)
    try:
        refuse_too_much(ray, takes)
        remote = ray.remote(attempt_elsewhere).options(
            num_cpus=takes["CPU"],
            num_gpus=takes["GPU"],
            max_retries=retries,
            scheduling_strategy="SPREAD",
        )
        paths = [path or str(Path.cwd()) for path in sys.path]
        running = {remote.remote(task, paths): task for task in tasks}
        while running:
            (ready,), _ = ray.wait(list(running), num_returns=1)
            task = running.pop(ready)
            try:
                yield ray.get(ready)
            except ray.exceptions.RayError as error:
                said = str(error).partition("\n")[0]
                yield Outcome(task, error=f"lost {retries + 1} times on the cluster ({said})")
    finally:
        ray.shutdown()


def needs(task: Task, gpus: float | None) -> dict[str, float]:
    """Return what a run takes of a machine."""
    whole = 1.0 if task.config.device == "cuda" else 0.0
    return {"CPU": float(task.config.threads), "GPU": whole if gpus is None else gpus}


def refuse_too_much(ray: Any, takes: dict[str, float]) -> None:
    """Raise UsageError where no machine has what a run takes: Ray would wait for one for ever."""
    machines = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    if any(all(has.get(n, 0) >= count for n, count in takes.items()) for has in machines):
        return
    raise UsageError(
        f"A run takes {takes['CPU']:g} threads and {takes['GPU']:g} GPUs, and no machine of the "
        "cluster has as many: make the study with fewer --threads, or set --gpus-per-run."
    )


def connect(address: str) -> Any:
    """Return the module `ray`, connected to the cluster; nothing is reported to its makers."""
    os.environ |= QUIET
    with suggest_install("foveal[ray]"):
        import ray
    try:
        refuse_silence(address)
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
    except (OSError, ValueError, RuntimeError) as error:
        said = " ".join(str(error).split())
        raise FovealError(f"The Ray cluster {address!r} cannot be reached ({said}).") from error
    return ray


def refuse_silence(address: str) -> None:
    """Raise OSError where nobody answers: Ray would end this process without a word to the user."""
    host, colon, port = address.rpartition(":")
    if colon and port.isdecimal():
        socket.create_connection((host, int(port)), timeout=ANSWER).close()


def attempt_elsewhere(task: Task, paths: list[str]) -> Outcome:
    """Do one task on a machine of the cluster, where modules are found as they are here."""
    sys.path.extend(path for path in paths if path not in sys.path)
    return attempt(task)
