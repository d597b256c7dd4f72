"""Rule for a table of runs: its baseline, its margin and its samples, from the unit of the table."""

from __future__ import annotations

from collections.abc import Sequence

from foveal.errors import UsageError, bad_parameter, unknown_name
from foveal.stats.outcome_scale import OutcomeScale
from foveal.stats.run_table import BASELINE_NAMES
from foveal.stats.sample import Sample
from foveal.stats.value_checks import VariantValues
from foveal.text_format import join_with_and
from foveal.validation import require_positive_int, require_strictly_between


def check_rule(
    margin: float | None, test_images: int | None, chance: float | None, alpha: float
) -> None:
    """Raise a `UsageError` for a parameter outside its range."""
    require_strictly_between("alpha", alpha, 0, 0.5)
    if margin is not None and not 0 < margin < float("inf"):
        raise bad_parameter("margin", "above 0, in the unit of the values", margin)
    if test_images is not None:
        require_positive_int("test_images", test_images)
    if chance is not None and not 0 < chance < 1:
        raise bad_parameter("chance", "between 0 and 1, as a fraction", chance)


def choose_baseline(names: Sequence[str], baseline: str | None, notes: list[str]) -> str:
    """Return the baseline, by default the variant with a usual name."""
    if baseline is not None:
        if baseline not in names:
            raise unknown_name("variant", baseline, names)
        return baseline
    by_name = {name.lower(): name for name in names}
    found = next((by_name[name] for name in BASELINE_NAMES if name in by_name), None)
    if found is None:
        listed = join_with_and([repr(name) for name in names[:12]])
        raise UsageError(f"Name the baseline with --baseline: one of {listed}.")
    notes.append(f"The baseline is {found!r}.")
    return found


def make_sample(name: str, runs: VariantValues, scale: OutcomeScale) -> Sample:
    """Return the runs of a variant in the unit of the statistics."""
    return Sample(name, (runs.values * scale.factor).tolist(), runs.seeds)


def scale_margin(margin: float | None, scale: OutcomeScale, notes: list[str]) -> float:
    """Return the margin in the unit of the statistics, 0 if there is none."""
    if margin is None:
        notes.append("No margin was given, so no variant can be equivalent: add --margin.")
        return 0.0
    scaled = margin * abs(scale.factor)
    if scale.is_accuracy and not scaled < 1:
        unit = "percent" if scale.is_percent else "fractions of 1"
        raise bad_parameter("margin", f"in the unit of the values, which are {unit}", margin)
    return scaled
