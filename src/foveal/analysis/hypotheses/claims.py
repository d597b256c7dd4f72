"""Two hypotheses on where attention helps, each with the sign that it predicts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal


@dataclass(frozen=True)
class Hypothesis:
    """Claim that `variant` gains more where a property is larger (`sign` 1) or smaller (`sign` -1).

    `option` is the property as an option of `scenes`, `covariate` its name in the extra `covariates` of a
    baseline run, and `sweep_values` are two values of the option for a sweep.
    """

    claim: str
    variant: str
    option: str
    covariate: str
    sign: Literal[-1, 1]
    sweep_values: tuple[str, str]


SMALL_OBJECTS_HYPOTHESIS: Final = Hypothesis(
    claim="spatial attention helps most where the object is small",
    variant="spatial",
    option="object_size",
    covariate="extent",
    sign=-1,
    sweep_values=("0.25", "0.55"),
)
VARYING_COLORS_HYPOTHESIS: Final = Hypothesis(
    claim="channel attention helps most where colors vary",
    variant="channel",
    option="color_variation",
    covariate="colorfulness",
    sign=1,
    sweep_values=("0", "1"),
)
HYPOTHESES: Final = (SMALL_OBJECTS_HYPOTHESIS, VARYING_COLORS_HYPOTHESIS)
