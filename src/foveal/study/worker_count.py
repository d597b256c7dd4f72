"""How many runs go on at a time on this machine, where that is left to be found out."""

from __future__ import annotations

from foveal.records import Design
from foveal.study.config import StudyConfig
from foveal.study.executors.pool import list_visible_gpus
from foveal.training import AUTO, count_cpu_cores, find_fastest_device, find_parallel_run_count


def choose_worker_count(config: StudyConfig, stored: Design | None) -> int:
    """Return how many runs side by side do most: one a GPU, and on a CPU what a probe of it says.

    The probe is of runs with a thread each against one on all threads; where the threads of a run are
    given, or settled in the design that is `stored`, as many runs go on as there are cores for them.
    """
    known = {} if stored is None else stored.shared_options
    device = known.get("device", config.device)
    device = find_fastest_device() if device == AUTO else device
    if device != "cpu":
        return max(1, len(list_visible_gpus())) if device == "cuda" else 1
    threads = int(known.get("threads", config.threads))
    return (
        max(1, count_cpu_cores() // threads)
        if threads
        else find_parallel_run_count(count_cpu_cores())
    )
