"""MLflow: runs of an experiment on the server of MLFLOW_TRACKING_URI, or where MLflow keeps them by default."""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Mapping
from typing import Any, Final

from mlflow import MlflowClient
from mlflow.entities import Metric, Param
from mlflow.exceptions import MlflowException

from foveal.study.trackers.log import LogPlace

# A server that does not answer must not hold up training: by default MLflow tries for minutes.
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")

logging.getLogger("mlflow").setLevel(logging.WARNING)

_RUN_TAG: Final = "foveal.run"
_NOTE_TAG: Final = "mlflow.note.content"
_FORBIDDEN: Final = re.compile(r"[^\w\-. /]", re.ASCII)
_MAX_LENGTH: Final = 500


class MLflowTracker:
    """One run of MLflow; a run that was interrupted is continued."""

    def __init__(self, place: LogPlace) -> None:
        self._client = MlflowClient()
        experiment = self._open_experiment(place.experiment)
        name = place.run.replace("'", "")
        unfinished = self._client.search_runs(
            [experiment],
            f"tags.`{_RUN_TAG}` = '{name}' and attributes.status != 'FINISHED'",
            max_results=1,
        )
        if unfinished:
            self._run = unfinished[0].info.run_id
            self._client.update_run(self._run, status="RUNNING")
        else:
            tags = {_RUN_TAG: name}
            self._run = self._client.create_run(experiment, run_name=name, tags=tags).info.run_id

    def _open_experiment(self, name: str) -> str:
        """Return the id of an experiment; another process may create it at the same moment."""
        found = self._client.get_experiment_by_name(name)
        if found is None:
            try:
                return str(self._client.create_experiment(name))
            except MlflowException:
                found = self._client.get_experiment_by_name(name)
                if found is None:
                    raise
        return str(found.experiment_id)

    def log_options(self, options: Mapping[str, Any]) -> None:
        """Log the options as parameters."""
        params = [Param(name, str(value)[:_MAX_LENGTH]) for name, value in options.items()]
        self._client.log_batch(self._run, params=params)

    def log_values(self, values: Mapping[str, float], step: int) -> None:
        """Log a metric per name."""
        now = int(1000 * time.time())
        metrics = [
            Metric(_FORBIDDEN.sub("_", name), float(value), now, step)
            for name, value in values.items()
        ]
        self._client.log_batch(self._run, metrics=metrics)

    def log_text(self, name: str, text: str) -> None:  # noqa: ARG002 - a run has one description
        """Log a text as the description of the run."""
        self._client.set_tag(self._run, _NOTE_TAG, text)

    def close(self, *, is_finished: bool) -> None:
        """End the run."""
        self._client.set_terminated(self._run, status="FINISHED" if is_finished else "KILLED")
