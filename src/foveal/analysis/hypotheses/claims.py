"""The two hypotheses: old observations of where attention helps, each with the sign that it predicts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Hypothesis:
    """That `variant` gains more where a property is larger, `sign` 1, or where it is smaller, -1.

    `option` is the property as an option of `scenes`, and `covariate` its name among what each run of
    `none` leaves of its test images.
    """

    claim: str
    variant: str
    option: str
    covariate: str
    sign: Literal[-1, 1]
    ends: tuple[str, str]
    """Two values of the option for a sweep."""


SMALL_OBJECTS = Hypothesis(
    claim="spatial attention helps most where the object is small",
    variant="spatial",
    option="object_size",
    covariate="extent",
    sign=-1,
    ends=("0.25", "0.55"),
)
VARYING_COLORS = Hypothesis(
    claim="channel attention helps most where colors vary",
    variant="channel",
    option="color_variation",
    covariate="colorfulness",
    sign=1,
    ends=("0", "1"),
)
HYPOTHESES = SMALL_OBJECTS, VARYING_COLORS
