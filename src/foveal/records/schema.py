"""Schema version of records, and the names of their files."""

from typing import Final

SCHEMA: Final = 2
"""Version of every file of a run and of a study. A reader refuses other versions."""

# Files of a run.
CONFIG: Final = "config.toml"
ENVIRONMENT: Final = "environment.json"
METRICS: Final = "metrics.csv"
RESULTS: Final = "results.json"
PREDICTIONS: Final = "predictions.npz"
TRAINING_BATCH: Final = "training_batch.npz"
MODEL: Final = "model"
EXTRAS: Final = "extras"
MANIFEST: Final = "manifest.json"

# Files of an unfinished run.
LOCK: Final = "lock"
CHECKPOINT: Final = "checkpoint.pt"
PROGRESS: Final = "progress.json"

# Files of a study.
STUDY: Final = "study.toml"
RUNS: Final = "runs"
RESULTS_TABLE: Final = "results.csv"
REPORT: Final = "report.html"
