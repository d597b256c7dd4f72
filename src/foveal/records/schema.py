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
EXTRAS: Final = "extras"
MANIFEST: Final = "manifest.json"

LOCK: Final = "lock"
CHECKPOINT: Final = "checkpoint.pt"
PROGRESS: Final = "progress.json"

STUDY: Final = "study.toml"
RUNS: Final = "runs"
NOTES: Final = "notes.json"
RESULTS_TABLE: Final = "results.csv"
REPORT: Final = "report.html"
