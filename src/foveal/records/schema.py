"""Schema version of records, and the names of their files."""

from typing import Final

SCHEMA_VERSION: Final = 2
"""Version of every file of a run and of a study. A reader refuses other versions."""

# Files of a run.
CONFIG_FILE: Final = "config.toml"
ENVIRONMENT_FILE: Final = "environment.json"
METRICS_FILE: Final = "metrics.csv"
RESULTS_FILE: Final = "results.json"
PREDICTIONS_FILE: Final = "predictions.npz"
TRAINING_BATCH_FILE: Final = "training_batch.npz"
MODEL_FOLDER: Final = "model"
LOG_PROBABILITIES_FILE: Final = "log_probabilities.npz"
"""In the folder of the model."""
EXTRAS_FOLDER: Final = "extras"
MANIFEST_FILE: Final = "manifest.json"

# Files of an unfinished run.
LOCK_FILE: Final = "lock"
CHECKPOINT_FILE: Final = "checkpoint.pt"
PROGRESS_FILE: Final = "progress.json"

# Files of a study.
STUDY_FILE: Final = "study.toml"
RUNS_FOLDER: Final = "runs"
RESULTS_TABLE_FILE: Final = "results.csv"
STEP_TIMES_FILE: Final = "step_times.json"
REPORT_FILE: Final = "report.html"
