"""Several runs at a time on this machine, a process each, and a GPU each where there are several."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait
from multiprocessing.queues import SimpleQueue

from foveal.study.executors.task import Outcome, Task, attempt

TRIES = 3  # pools that may break one after another without any run getting done


def run_in_pool(tasks: Sequence[Task], *, workers: int) -> Iterator[Outcome]:
    """Do `workers` tasks at a time; where a worker is killed, those at work go on from their checkpoints.

    When nothing gets done any more, a worker at a time tries, so that one run that always takes its
    process with it fails alone.
    """
    left, tries = list(tasks), 0
    while left and tries < TRIES:
        done = 0
        for outcome in one_pool(left, workers if tries == 0 else 1):
            left.remove(outcome.task)
            done += 1
            yield outcome
        tries = 0 if done else tries + 1
        if tries == TRIES and len(left) > 1:
            yield killed(left.pop(0))  # with one worker the first of them is the one at work
            tries = 1
    yield from (killed(task) for task in left)


def killed(task: Task) -> Outcome:
    """Return the outcome of a run that never comes to its end."""
    return Outcome(task, error=f"its process was killed {TRIES} times; is there enough memory?")


def one_pool(tasks: Sequence[Task], workers: int) -> Iterator[Outcome]:
    """Do the tasks until all are done or a worker is killed."""
    spawn = multiprocessing.get_context("spawn")  # a forked CUDA context cannot be used
    gpus = spawn.SimpleQueue()
    for worker in range(workers):
        gpus.put(worker)
    others = multiprocessing.active_children()  # of whoever calls this as a library
    pool = ProcessPoolExecutor(workers, mp_context=spawn, initializer=prepare, initargs=(gpus,))
    try:
        for future in as_completed([pool.submit(attempt, task) for task in tasks]):
            yield future.result()
    except BrokenProcessPool:
        return
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        for child in multiprocessing.active_children():
            if child not in others:
                child.terminate()
                child.join()


def prepare(gpus: SimpleQueue[int]) -> None:
    """Make a worker ready: its own GPU, and an end that comes with that of the study's process."""
    names = list_visible_gpus()
    if len(names) > 1:
        os.environ["CUDA_VISIBLE_DEVICES"] = names[gpus.get() % len(names)]
    threading.Thread(target=end_with_parent, daemon=True).start()


def list_visible_gpus() -> list[str]:
    """Return the names of the GPUs, as the environment has them, without touching any of them."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is not None:
        return [name for name in named.split(",") if name]
    import torch

    return [str(index) for index in range(torch.cuda.device_count())]


def end_with_parent() -> None:
    """Stop when the study's process is gone: nobody waits for the rest, and a new one may start."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
