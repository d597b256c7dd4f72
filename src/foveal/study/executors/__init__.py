"""Who does the runs of a study: this process, a pool of processes, or a Ray cluster.

An executor is a function of tasks that yields an outcome for each as it ends. The result of a run hangs
neither on the executor nor on the order: all that decides it stands in its config.
"""

from foveal.study.executors.cluster import run_on_ray
from foveal.study.executors.pool import run_in_pool
from foveal.study.executors.serial import run_in_process
from foveal.study.executors.task import Executor, Outcome, Task

__all__ = ["Executor", "Outcome", "Task", "run_in_process", "run_in_pool", "run_on_ray"]
