"""Version and file names of what lies on disk."""

from typing import Final

SCHEMA: Final = 1

CONFIG: Final = "config.toml"
ENVIRONMENT: Final = "environment.json"
METRICS: Final = "metrics.csv"
RESULTS: Final = "results.json"
PREDICTIONS: Final = "predictions.npz"
TRAINING_BATCH: Final = "training_batch.npz"
MODEL: Final = "model"

STUDY: Final = "study.toml"
RUNS: Final = "runs"
RESULTS_TABLE: Final = "results.csv"
REPORT: Final = "report.html"
