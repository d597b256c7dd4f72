"""Executors of the runs of a study: this process, a pool of processes, or a Ray cluster.

An executor is a function that yields the outcome of each task when it ends. It asks again for the tasks to run
after each outcome, because in a sequential study the results decide what to run. The result of a run
depends neither on the executor nor on the order of the runs: its config determines it.
"""

from foveal.study.executors.cluster import run_on_ray
from foveal.study.executors.pool import run_in_pool
from foveal.study.executors.task import Executor, ListTasks, Outcome, Task, run_in_process
from foveal.study.executors.worker_count import choose_worker_count

__all__ = [
    "Executor",
    "ListTasks",
    "Outcome",
    "Task",
    "choose_worker_count",
    "run_in_pool",
    "run_in_process",
    "run_on_ray",
]
