"""Executor of a Ray cluster. Every machine has to see the study's folder under the same path."""

from __future__ import annotations

import logging
import os
import socket
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from foveal.allocator import keep_freed_memory
from foveal.errors import FovealError, UsageError
from foveal.optional_imports import suggest_install
from foveal.study.executors.task import (
    ListTasks,
    Outcome,
    Task,
    attempt_task,
    select_new_tasks,
)

_LOCAL_CLUSTER: Final = "local"
_CONNECT_TIMEOUT_SECONDS: Final = 10.0  # seconds
_RAY_ENVIRONMENT: Final = {"RAY_USAGE_STATS_ENABLED": "0"}


def run_on_ray(
    list_tasks: ListTasks,
    *,
    address: str = _LOCAL_CLUSTER,
    gpus: float | None = None,
    retries: int = 3,
) -> Iterator[Outcome]:
    """Run the tasks on a Ray cluster and yield their outcomes.

    A run whose machine is lost is resumed from its checkpoint on another one.

    Args:
        list_tasks: returns the runs to start, in folders that every machine sees under the same path.
        address: `local` for a cluster on this machine only, `auto` for the cluster that is running on this
            machine, or host:port of another cluster.
        gpus: GPUs per run; 0.25 puts four runs on each GPU. By default 1 if the study runs on `cuda`,
            otherwise 0.
        retries: number of times that a run is started again after its process or its machine was lost.

    Raises:
        UsageError: Ray is not installed, or no machine of the cluster has the resources of a run.
        FovealError: the cluster cannot be reached.
    """
    tasks = list_tasks()
    if not tasks:
        return
    ray = _connect_to_cluster(address)
    resources = _get_required_resources(tasks[0], gpus)
    try:
        _require_resources(ray, resources)
        remote = ray.remote(_attempt_remote_task).options(
            num_cpus=resources["CPU"],
            num_gpus=resources["GPU"],
            max_retries=retries,
            scheduling_strategy="SPREAD",
        )
        import_paths = [path or str(Path.cwd()) for path in sys.path]
        started, running = set[Path](), dict[Any, Task]()
        while True:
            for task in select_new_tasks(list_tasks, started):
                started.add(task.folder)
                running[remote.remote(task, import_paths)] = task
            if not running:
                return
            (ready,), _ = ray.wait(list(running), num_returns=1)
            task = running.pop(ready)
            try:
                yield ray.get(ready)
            except ray.exceptions.RayError as error:
                cause = str(error).partition("\n")[0]
                yield Outcome(
                    task, error=f"The run was lost {retries + 1} times on the cluster ({cause})."
                )
    finally:
        ray.shutdown()


def _get_required_resources(task: Task, gpus: float | None) -> dict[str, float]:
    """Return the CPUs and GPUs of one run."""
    default_gpus = 1.0 if task.config.device == "cuda" else 0.0
    return {"CPU": float(task.config.threads), "GPU": default_gpus if gpus is None else gpus}


def _require_resources(ray: Any, resources: Mapping[str, float]) -> None:
    """Raise a UsageError if no machine has the resources of a run: Ray would wait forever."""
    machines = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    for machine in machines:
        if all(machine.get(name, 0) >= count for name, count in resources.items()):
            return
    raise UsageError(
        f"A run needs {resources['CPU']:g} threads and {resources['GPU']:g} GPUs, and no machine of the "
        "cluster has them. Create the study with fewer --threads, or set --gpus-per-run."
    )


def _connect_to_cluster(address: str) -> Any:
    """Return the module `ray`, connected to the cluster, without usage reports.

    Raises:
        UsageError: Ray is not installed.
        FovealError: the cluster cannot be reached.
    """
    os.environ |= _RAY_ENVIRONMENT
    with suggest_install("foveal[ray]"):
        import ray
    try:
        _require_open_port(address)
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
    except (OSError, ValueError, RuntimeError) as error:
        cause = " ".join(str(error).split())
        raise FovealError(f"The Ray cluster {address!r} cannot be reached ({cause}).") from error
    return ray


def _require_open_port(address: str) -> None:
    """Raise an OSError if no server listens at host:port: `ray.init` would end this process silently."""
    host, colon, port = address.rpartition(":")
    if colon and port.isdecimal():
        socket.create_connection((host, int(port)), timeout=_CONNECT_TIMEOUT_SECONDS).close()


def _attempt_remote_task(task: Task, import_paths: list[str]) -> Outcome:
    """Run one task on a machine of the cluster, with the import paths of the machine that sent it."""
    keep_freed_memory()
    sys.path.extend(path for path in import_paths if path not in sys.path)
    return attempt_task(task)
