"""Executor of this machine: a pool of processes, each with its own GPU if there are several."""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import os
import threading
from collections.abc import Collection, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.process import BaseProcess
from multiprocessing.queues import SimpleQueue
from pathlib import Path
from typing import Final

from foveal.allocator import keep_freed_memory
from foveal.study.executors.task import (
    ListTasks,
    Outcome,
    Task,
    attempt_task,
    select_new_tasks,
)

_MAX_BROKEN_POOLS: Final = 3
"""Pools in a row that may break without any finished run."""


def run_in_pool(list_tasks: ListTasks, *, workers: int) -> Iterator[Outcome]:
    """Run `workers` tasks in parallel and yield their outcomes; a new pool replaces a broken one.

    When a worker is killed, its run is resumed from its checkpoint. If no run makes progress, fall back to
    one worker, so that a run that crashes its process fails alone.
    """
    ended: set[Path] = set()
    broken_pools = 0
    while select_new_tasks(list_tasks, ended) and broken_pools < _MAX_BROKEN_POOLS:
        finished = 0
        pool_size = workers if broken_pools == 0 else 1
        for outcome in _run_until_pool_breaks(list_tasks, ended, pool_size):
            ended.add(outcome.task.folder)
            finished += 1
            yield outcome
        broken_pools = 0 if finished else broken_pools + 1
        remaining = select_new_tasks(list_tasks, ended)
        if broken_pools == _MAX_BROKEN_POOLS and len(remaining) > 1:
            ended.add(remaining[0].folder)  # one worker trains the first task
            yield _make_killed_outcome(remaining[0])
            broken_pools = 1
    yield from map(_make_killed_outcome, select_new_tasks(list_tasks, ended))


def _make_killed_outcome(task: Task) -> Outcome:
    """Return the outcome of a run whose process is killed every time."""
    return Outcome(
        task, error=f"Its process was killed {_MAX_BROKEN_POOLS} times; is there enough memory?"
    )


def _run_until_pool_breaks(
    list_tasks: ListTasks, ended: Collection[Path], workers: int
) -> Iterator[Outcome]:
    """Run the tasks in one pool and yield their outcomes until none is left or a worker is killed."""
    spawn = multiprocessing.get_context("spawn")  # a forked CUDA context cannot be used
    worker_numbers = spawn.SimpleQueue()
    for number in range(workers):
        worker_numbers.put(number)
    children_before = multiprocessing.active_children()
    pool = ProcessPoolExecutor(
        workers, mp_context=spawn, initializer=_prepare_worker, initargs=(worker_numbers,)
    )
    started, running = set(ended), set[Future[Outcome]]()
    try:
        while True:
            for task in select_new_tasks(list_tasks, started):
                started.add(task.folder)
                running.add(pool.submit(attempt_task, task))
            if not running:
                return
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                yield future.result()
    except BrokenProcessPool:
        return
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        _end_new_children(children_before)


def _end_new_children(children_before: Collection[BaseProcess]) -> None:
    """End the child processes of this process that were not there before."""
    for child in multiprocessing.active_children():
        if child not in children_before:
            child.terminate()
            child.join()


def _prepare_worker(worker_numbers: SimpleQueue[int]) -> None:
    """Assign a GPU to this worker, let it keep its memory, and make it end with the parent process."""
    keep_freed_memory()
    gpus = list_visible_gpus()
    if len(gpus) > 1:
        os.environ["CUDA_VISIBLE_DEVICES"] = gpus[worker_numbers.get() % len(gpus)]
    threading.Thread(target=_exit_with_parent, daemon=True).start()


def list_visible_gpus() -> list[str]:
    """Return the names of the GPUs as in CUDA_VISIBLE_DEVICES, without initializing any of them."""
    names = os.environ.get("CUDA_VISIBLE_DEVICES")
    if names is not None:
        return [name for name in names.split(",") if name]
    import torch

    return [str(index) for index in range(torch.cuda.device_count())]


def _exit_with_parent() -> None:
    """Wait for the end of the parent process, then exit: the outcome would be lost."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        multiprocessing.connection.wait([parent.sentinel])
        os._exit(1)
