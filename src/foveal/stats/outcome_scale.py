"""Scale of an outcome: fractions or percent, shown in points, or numbers in a unit of their own."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from foveal.stats.outcome_unit import POINTS, OutcomeUnit

_ACCURACY: Final = re.compile(
    r"(?:acc|accuracy|precision|recall|f1|auc|auroc|iou|miou|dice|map|map\d+|ap|ap\d+|top\d+|percent|pct)"
)
_LOSS: Final = re.compile(
    r"(?:loss|error|err|rmse|mse|mae|wer|cer|ppl|perplexity|fid|nll|bpc|distance|hd95|latency|regret)"
)
_PERCENT: Final = 0.01
_DIGITS: Final = 2


@dataclass(frozen=True)
class OutcomeScale:
    """Conversion of the values of a table for the statistics, in which larger is better.

    `factor` times a value of the table is the number that is judged: 1 for fractions, 0.01 for percent, and
    negative where lower is better. `unit` writes differences.
    """

    factor: float
    unit: OutcomeUnit
    is_accuracy: bool

    @property
    def is_percent(self) -> bool:
        """True for accuracies in percent."""
        return self.is_accuracy and abs(self.factor) == _PERCENT

    def to_table(self, number: float) -> float:
        """Return a judged number in the unit of the table."""
        return number / self.factor


def choose_scale(
    values: npt.NDArray[np.float64], outcome: str, *, lower_is_better: bool, is_accuracy: bool
) -> OutcomeScale:
    """Return the scale of the values of an outcome.

    Accuracies are recognized by the name of the outcome; they are in percent if one is above 1. Any other
    outcome keeps its unit, with as many decimals as its deviations need.

    Args:
        values: outcomes of all runs.
        outcome: name of the outcome.
        lower_is_better: True for losses and errors.
        is_accuracy: True if the outcome is an accuracy, whatever its name.

    >>> import numpy as np
    >>> choose_scale(np.array([76.1, 75.2]), "test_acc", lower_is_better=False, is_accuracy=False).factor
    0.01
    """
    sign = -1.0 if lower_is_better else 1.0
    if is_accuracy or is_accuracy_name(outcome):
        factor = _PERCENT if np.max(values) > 1 else 1.0
        return OutcomeScale(
            sign * factor, OutcomeUnit(sign * POINTS.factor, POINTS.noun, POINTS.decimals), True
        )
    spread = float(np.std(values))
    decimals = _DIGITS - math.floor(math.log10(spread)) - 1 if spread > 0 else _DIGITS
    return OutcomeScale(sign, OutcomeUnit(sign, "", min(max(decimals, 0) + 1, 10)), False)


def is_accuracy_name(outcome: str) -> bool:
    """Return True for a name such as `test_acc`, `val/mAP50-95` or `Dice`, and not for one such as `mae`.

    >>> is_accuracy_name("metrics/mAP50-95(B)"), is_accuracy_name("val_loss"), is_accuracy_name("value")
    (True, False, False)
    """
    return not is_loss_name(outcome) and any(map(_ACCURACY.fullmatch, _split_words(outcome)))


def is_loss_name(outcome: str) -> bool:
    """Return True for the name of an outcome of which less is better.

    >>> is_loss_name("val/box_loss"), is_loss_name("accuracy")
    (True, False)
    """
    return any(map(_LOSS.fullmatch, _split_words(outcome)))


def _split_words(name: str) -> list[str]:
    """Return the words of a name in lower case.

    >>> _split_words("metrics/mAP50-95(B)")
    ['metrics', 'map50', '95', 'b']
    """
    return [word for word in re.split(r"[^a-z0-9]+", name.lower()) if word]
