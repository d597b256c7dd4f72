"""Evaluate the weights that a finished run has left."""

from __future__ import annotations

from pathlib import Path

from foveal.errors import UsageError
from foveal.evaluation import Evaluation, evaluate
from foveal.models import load_model
from foveal.records import is_complete, schema
from foveal.records.run import read_config
from foveal.study.config import RunConfig
from foveal.study.resolved_config import get_data_config, load_config_data
from foveal.study.training_job import get_numerics
from foveal.training import (
    EVALUATION_BATCH_SIZE,
    apply_memory_format,
    autocast_context,
    numerics_context,
)

OTHER = {"data_checksum": "", "train_size": None, "test_size": None}


def evaluate_run(folder: Path, *, source: str | None = None) -> Evaluation:
    """Evaluate the weights of a finished run on its own test set, or on that of `source`."""
    if not is_complete(folder):
        raise UsageError(f"{folder} is not a finished run.")
    config = RunConfig(**read_config(folder))
    if source is not None:
        config = config.model_copy(update={"data": source, **OTHER})
    model, data = load_model(folder / schema.MODEL), load_config_data(get_data_config(config))
    numerics = get_numerics(config)
    model.to(numerics.device)
    with numerics_context(numerics), autocast_context(numerics):
        batches = data.batches("test", batch_size=EVALUATION_BATCH_SIZE, device=numerics.device)
        return evaluate(model, apply_memory_format(batches, numerics))
