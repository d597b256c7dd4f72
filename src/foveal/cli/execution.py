"""How the runs of a study are done; none of it changes a result, so none of it is on record."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from foveal.errors import UsageError
from foveal.training.numerics import count_cpu_cores

if TYPE_CHECKING:
    from foveal.study.executors import Executor


class Execution(BaseModel):
    """Where the runs go on, and how many at a time."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    workers: int = Field(default=1, ge=0)
    """Runs at a time on this machine, a process each; 0 takes what a probe of the machine finds best."""
    ray: str | None = None
    """Do the runs on a Ray cluster: local, auto or host:port."""
    gpus_per_run: float | None = Field(default=None, ge=0)
    """How much of a GPU a run takes on the cluster; a whole one where the study is for cuda."""
    retries: int = Field(default=3, ge=0)
    """How often a run is begun again when its machine in the cluster is lost."""
    shard: str | None = None
    """Do only part i of n of the runs, as i/n: one job of an array in a batch system."""
    extras: bool = True
    """Leave in each record what the report shows beyond accuracy."""

    @property
    def at_a_time(self) -> int:
        """How many runs share the cores of a machine, as far as known before they start."""
        return self.workers if self.ray is None else count_cpu_cores()


def executor_of(execution: Execution) -> Executor:
    """Return what does the runs."""
    from foveal.study.executors import run_in_pool, run_in_process, run_on_ray

    if execution.ray is not None:
        if execution.workers > 1:
            raise UsageError(
                "Parameter `workers` should be left out with `ray`: the cluster decides."
            )
        return partial(
            run_on_ray,
            address=execution.ray,
            gpus=execution.gpus_per_run,
            retries=execution.retries,
        )
    if execution.gpus_per_run is not None:
        raise UsageError("Parameter `gpus_per_run` should be left out without `ray`.")
    if execution.workers > 1:
        return partial(run_in_pool, workers=execution.workers)
    return run_in_process
