"""Default number of parallel runs on this machine."""

from __future__ import annotations

from foveal.records import Design
from foveal.study.config import StudyConfig
from foveal.study.executors.pool import list_visible_gpus
from foveal.training import AUTO, count_cpu_cores, find_fastest_device, find_parallel_run_count


def choose_worker_count(config: StudyConfig, stored: Design | None) -> int:
    """Return the number of parallel runs with the best total throughput: one per GPU, or several on a CPU.

    On a CPU, a cached probe compares one run on all threads with runs of one thread each. If the threads per
    run are given, or stored in the design of the study, the runs share the cores.
    """
    known = {} if stored is None else stored.shared_options
    device = known.get("device", config.device)
    device = find_fastest_device() if device == AUTO else device
    if device != "cpu":
        return max(1, len(list_visible_gpus())) if device == "cuda" else 1
    threads = int(known.get("threads", config.threads))
    cores = count_cpu_cores()
    return max(1, cores // threads) if threads else find_parallel_run_count(cores)
