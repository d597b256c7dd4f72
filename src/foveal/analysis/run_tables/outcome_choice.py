"""Choice of the metric by which runs of another program are judged."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from foveal.analysis.run_tables.found_run import FoundRun
from foveal.errors import UsageError, unknown_name
from foveal.stats.outcome_scale import is_accuracy_name, is_loss_name
from foveal.stats.run_table import is_best_name
from foveal.stats.table_cells import list_names

_STAGES: Final = (("test",), ("val", "valid", "validation", "eval", "dev", "metrics"), ())
"""Words of metrics on images that were not trained on, first those of the test set."""
_TRAINING: Final = ("train", "training", "lr", "step")
_ACCURACIES: Final = ("accuracy", "acc", "top1")


def choose_outcome(
    runs: Sequence[FoundRun],
    *,
    value_column: str | None,
    preferred: Sequence[str] = (),
    lower_is_better: bool = False,
) -> str:
    """Return the metric to judge by: the named one, or an accuracy on the test set or the validation set.

    With `lower_is_better`, losses take the place of accuracies. Metrics of training and best epochs are not
    chosen.

    Args:
        runs: the runs.
        value_column: the metric that the user names.
        preferred: metrics to choose first, if the runs have them.
        lower_is_better: True for losses and errors.

    Raises:
        UsageError: there is no such metric, or none or several can be meant.
    """
    names = list(dict.fromkeys(name for run in runs for name in run.metrics))
    if value_column is not None:
        if value_column not in names:
            raise unknown_name("metric", value_column, names)
        return value_column
    if not lower_is_better:
        found = next((name for name in preferred if name in names), None)
        if found is not None:
            return found
    is_outcome = is_loss_name if lower_is_better else is_accuracy_name
    ranks = {
        name: _rank_name(name)
        for name in names
        if is_outcome(name) and not is_best_name(name) and not {*_TRAINING} & {*_split(name)}
    }
    best = [name for name, rank in ranks.items() if rank == min(ranks.values())]
    if len(best) == 1:
        return best[0]
    kind = "a loss" if lower_is_better else "an accuracy"
    problem = (
        f"Several metrics may be meant: {list_names(best)}." if best else f"No metric is {kind}."
    )
    others = f" The runs have {list_names(names)}." if names else ""
    raise UsageError(f"{problem} Name one with --value-column.{others if not best else ''}")


def _rank_name(name: str) -> tuple[int, bool, int]:
    """Return the rank of a metric: test before validation, accuracy before other scores, short before long."""
    words = {*_split(name)}
    stage = next(rank for rank, each in enumerate(_STAGES) if not each or words & {*each})
    return stage, not words & {*_ACCURACIES}, len(words)


def _split(name: str) -> list[str]:
    """Return the words of a name in lower case."""
    return [word for word in re.split(r"[^a-z0-9]+", name.lower()) if word]
