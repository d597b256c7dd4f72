"""Options of how the runs of a study are executed. They change no result and are not stored."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated, Final, Literal, get_args

from cyclopts import Parameter
from pydantic import BaseModel, ConfigDict, Field

from foveal.errors import UsageError
from foveal.training import count_cpu_cores

if TYPE_CHECKING:
    from foveal.study.executors import Executor

# Those of foveal.study.extras_registry.RUN_EXTRAS, which is slow to import.
RunExtra = Literal["occlusion", "gates", "robustness", "covariates"]
_ALL_EXTRAS: Final[tuple[RunExtra, ...]] = get_args(RunExtra)


class Execution(BaseModel):
    """Executor of the runs, and the number of parallel runs."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    workers: int = Field(default=1, ge=0)
    """Number of parallel runs on this machine, one process per run; 0 measures the fastest number."""
    ray: str | None = None
    """Execute the runs on a Ray cluster: local, auto or host:port."""
    gpus_per_run: float | None = Field(default=None, ge=0)
    """GPUs per run on the cluster; by default 1 for a study on cuda and 0 otherwise."""
    retries: int = Field(default=3, ge=0)
    """How often a run is restarted if the cluster loses its machine."""
    shard: str | None = None
    """Execute only part i of n of the runs, written i/n: one job of a job array."""
    extras: Annotated[
        tuple[RunExtra, ...], Parameter(negative="--no-extras", show_default=False)
    ] = _ALL_EXTRAS
    """What runs store for the report beyond accuracy, by default everything; repeat it for several."""
    log: str = ""
    """Log curves, final values and verdicts to tensorboard, mlflow or both, separated by a comma."""
    keep_weights: Literal["all", "none"] = "all"
    """Weights to keep: of all runs, or of none, which explain, evaluate and export need."""

    @property
    def max_parallel_runs(self) -> int:
        """Largest number of runs that share the cores of a machine, as far as known in advance."""
        return self.workers if self.ray is None else count_cpu_cores()


def choose_executor(execution: Execution) -> Executor:
    """Return the executor that the options name.

    Raises:
        UsageError: two options exclude each other.
    """
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
