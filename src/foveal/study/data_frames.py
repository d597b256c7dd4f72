"""Results and verdicts of a study as data frames of pandas, which is imported on use."""

from __future__ import annotations

import math
from typing import Any

from foveal.analysis import compare_cell_variants
from foveal.optional_imports import suggest_install
from foveal.records import StudyRecord, list_result_rows


def make_results_frame(study: StudyRecord) -> Any:
    """Return a data frame with a row per finished run, the same as results.csv."""
    return _make_frame(
        [
            {name: math.nan if value is None else value for name, value in row.items()}
            for row in list_result_rows(study)
        ]
    )


def make_verdicts_frame(study: StudyRecord) -> Any:
    """Return a data frame with a row per comparison; accuracies and differences are fractions of 1."""
    rows = []
    for cell in study.split_by_cell():
        columns = cell.cell.columns if cell.cell else {}
        for each in compare_cell_variants(cell):
            low, high = each.interval
            rows.append(
                {
                    **columns,
                    "variant": each.variant,
                    "reference": each.reference,
                    "verdict": each.verdict,
                    "seeds": each.seeds,
                    "test_accuracy": each.mean,
                    "difference": each.difference,
                    "interval_low": low,
                    "interval_high": high,
                    "level": each.level,
                    "margin": each.margin,
                    "reason": each.reason,
                }
            )
    return _make_frame(rows)


def _make_frame(rows: list[dict[str, Any]]) -> Any:
    """Return rows as a data frame."""
    with suggest_install("pandas"):
        import pandas as pd
    return pd.DataFrame(rows)
