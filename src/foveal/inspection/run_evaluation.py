"""Evaluation of the stored weights of a finished run."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from foveal.errors import UsageError
from foveal.evaluation import Evaluation, evaluate
from foveal.records import is_complete
from foveal.records.run import read_config
from foveal.study.config import RunConfig
from foveal.study.data_loading import load_config_data
from foveal.study.run_network import load_run_network
from foveal.study.training_job import get_numerics
from foveal.training import (
    EVALUATION_BATCH_SIZE,
    apply_memory_format,
    autocast_context,
    numerics_context,
)

_WHOLE_DATA_SET_OPTIONS: Final = {"data_checksum": "", "train_size": None, "test_size": None}


def evaluate_run(folder: Path, *, source: str | None = None) -> Evaluation:
    """Evaluate the weights of a finished run on its test set, or on the test set of another source.

    Raises:
        UsageError: `folder` is not a finished run, or there is no such source.
        FovealError: the run has another schema.
    """
    if not is_complete(folder):
        raise UsageError(f"{folder} is not a finished run.")
    config = RunConfig(**read_config(folder))
    if source is not None:
        config = config.model_copy(update={"data": source, **_WHOLE_DATA_SET_OPTIONS})
    model, data = load_run_network(folder), load_config_data(config)
    numerics = get_numerics(config)
    model.to(numerics.device)
    with numerics_context(numerics), autocast_context(numerics, model):
        batches = data.batches("test", batch_size=EVALUATION_BATCH_SIZE, device=numerics.device)
        return evaluate(model, apply_memory_format(batches, numerics))
