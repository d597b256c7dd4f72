"""Design of a sequential judgment: all that is fixed before its first look, and the tables that fit it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from foveal.errors import UsageError
from foveal.stats.comparison import Comparison
from foveal.stats.outcome_scale import OutcomeScale, choose_scale
from foveal.stats.run_table import RunTable, make_run_table
from foveal.stats.sequential import SequentialDesign, plan_looks
from foveal.stats.table_rule import check_rule, choose_baseline, scale_margin
from foveal.stats.value_checks import Suspicion, VariantValues
from foveal.text_format import join_seeds, join_with_and


@dataclass(frozen=True)
class JudgeDesign:
    """Design of a sequential judgment.

    Attributes:
        outcome: name of the outcome.
        baseline: name of the baseline.
        variants: the variants that are compared with it.
        margin: largest difference that counts as equivalent, in the unit of the table; None if none does.
        looks: looks and levels of one comparison.
        seeds: the seeds in the order in which they count, as many as the last look has.
        data: the data sets; one empty name without a column of data sets.
        lower_is_better: True for losses and errors.
        is_best: True if the outcome is a best epoch or a maximum over epochs.
        is_percent: True for accuracies in percent.
        test_images: number of test images, or None.
        chance: accuracy of guessing, a fraction of 1, or None.
        columns: columns of the table that were named, by option such as `value_column`.
    """

    outcome: str
    baseline: str
    variants: tuple[str, ...]
    margin: float | None
    looks: SequentialDesign
    seeds: tuple[int, ...]
    data: tuple[str, ...] = ("",)
    lower_is_better: bool = False
    is_best: bool = False
    is_percent: bool = False
    test_images: int | None = None
    chance: float | None = None
    columns: Mapping[str, str] = field(default_factory=dict)

    @property
    def alpha(self) -> float:
        """Error rate of all comparisons together."""
        return self.looks.alpha * len(self.variants) * len(self.data)

    @property
    def note(self) -> str:
        """The looks and the error rate in a sentence."""
        looks = join_with_and([str(look) for look in self.looks.looks])
        return (
            f"The {100 * self.alpha:.3g} % are spent over the looks at {looks} seeds, so a comparison may stop "
            "at any look that decides it."
        )

    @property
    def options(self) -> dict[str, Any]:
        """Options of `judge` that the design fixes."""
        return {
            "baseline": self.baseline,
            "margin": self.margin,
            "lower_is_better": self.lower_is_better,
            "allow_best": self.is_best,
            "test_images": self.test_images,
            "chance": self.chance,
            **{name: self.columns.get(name) for name in COLUMN_OPTIONS},
        }


COLUMN_OPTIONS: Final = "variant_column", "seed_column", "value_column", "data_column"


def make_judge_design(
    table: Any,
    *,
    max_seeds: int,
    baseline: str | None = None,
    margin: float | None = None,
    variant_column: str | None = None,
    seed_column: str | None = None,
    value_column: str | None = None,
    data_column: str | None = None,
    lower_is_better: bool = False,
    allow_best: bool = False,
    test_images: int | None = None,
    chance: float | None = None,
    alpha: float = 0.05,
) -> JudgeDesign:
    """Return the design of a sequential judgment of the variants of a table, before its first look.

    The seeds are those of the table and the numbers after the last of them.

    Args:
        table: as in `judge`, with a run of each variant at least, and the seeds of the first look at most.
        max_seeds: number of seeds per variant at the last look.
        baseline: as in `judge`, and so are the other arguments.
        margin: margin of equivalence in the unit of the table.
        variant_column: name of the column of variants.
        seed_column: name of the column of seeds.
        value_column: name of the column of final outcomes.
        data_column: name of the column of data sets.
        lower_is_better: True for losses and errors.
        allow_best: accept a best epoch or a maximum over epochs as the outcome.
        test_images: number of test images.
        chance: accuracy of guessing.
        alpha: error rate of all comparisons over all looks together.

    Raises:
        UsageError: the table cannot be judged, or it has more seeds than the first look.

    >>> table = {"variant": ["none", "cbam"], "seed": [7, 7], "accuracy": [70.1, 75.2]}
    >>> design = make_judge_design(table, max_seeds=8, margin=0.5)
    >>> design.looks.looks, design.seeds
    ((4, 5, 6, 8), (7, 8, 9, 10, 11, 12, 13, 14))
    """
    columns = {
        "variant_column": variant_column,
        "seed_column": seed_column,
        "value_column": value_column,
        "data_column": data_column,
    }
    runs = make_run_table(table, baseline=baseline, allow_best=allow_best, **columns)
    check_rule(margin, test_images, chance, alpha)
    names = list(dict.fromkeys(runs.variants))
    reference = choose_baseline(names, baseline, [])
    variants = tuple(name for name in names if name != reference)
    if not variants:
        raise UsageError(
            f"There is nothing to compare: all runs are of {reference!r}. A design needs a run of each variant."
        )
    scale = choose_scale(
        runs.values,
        runs.outcome,
        lower_is_better=lower_is_better,
        is_accuracy=test_images is not None or chance is not None,
    )
    scale_margin(margin, scale, [])
    data = tuple(dict.fromkeys(runs.data))
    looks = plan_looks(max_seeds, comparisons=len(variants) * len(data), alpha=alpha)
    seeds = sorted(set(runs.seeds))
    if len(seeds) > looks.looks[0]:
        raise UsageError(
            f"A design is fixed before its first look, at {looks.looks[0]} seeds. The table has "
            f"{len(seeds)} seeds: judge it without --design, or begin a table with new seeds."
        )
    seeds += range(seeds[-1] + 1, seeds[-1] + 1 + max_seeds - len(seeds))
    return JudgeDesign(
        runs.outcome,
        reference,
        variants,
        margin,
        looks,
        tuple(seeds),
        data,
        lower_is_better,
        runs.is_best,
        scale.is_percent,
        test_images,
        chance,
        {name: column for name, column in columns.items() if column is not None},
    )


def merge_options(
    design: JudgeDesign, options: Mapping[str, Any], max_seeds: int | None = None
) -> dict[str, Any]:
    """Return the options of the design, after a check that no other value was given for one of them.

    Args:
        design: the design.
        options: options of `judge`; None and False stand for an option that was not given.
        max_seeds: number of seeds at the last look, or None if it was not given.

    Raises:
        UsageError: an option differs from the design.
    """
    fixed = design.options
    given = {
        name: value
        for name, value in options.items()
        if value is not None and value is not False and name != "allow_best"  # follows the outcome
    }
    if max_seeds is not None:
        given["max_seeds"], fixed["max_seeds"] = max_seeds, design.looks.max_seeds
    for name, value in given.items():
        # A column that was guessed at first may be named later: the check of the outcome follows.
        if value != fixed.get(name, value) and not (name in COLUMN_OPTIONS and fixed[name] is None):
            raise UsageError(
                f"The design was written with {_describe_option(name, fixed[name])}. Found "
                f"{_describe_option(name, value)}: a design is not changed after the first runs."
            )
    fixed.pop("max_seeds", None)
    return {**fixed, **{name: given[name] for name in COLUMN_OPTIONS if name in given}}


def _describe_option(name: str, value: object) -> str:
    """Return an option as it is typed; without it if it was not given.

    >>> _describe_option("max_seeds", 20), _describe_option("margin", None)
    ('--max-seeds 20', 'no --margin')
    """
    option = f"--{name.replace('_', '-')}"
    if value is None or value is False:
        return f"no {option}"
    return option if value is True else f"{option} {value}"


def check_table(design: JudgeDesign, table: RunTable, scale: OutcomeScale) -> None:
    """Raise a `UsageError` if a table has another outcome, unit, variant or data set than the design."""
    if table.outcome != design.outcome:
        raise UsageError(
            f"The outcome of the design is {design.outcome!r}. Found {table.outcome!r}: a verdict on another "
            "outcome needs a design of its own, with new seeds."
        )
    if scale.is_percent != design.is_percent:
        units = {True: "percent", False: "fractions of 1"}
        raise UsageError(
            f"The values of the design are {units[design.is_percent]}. Found {units[scale.is_percent]}."
        )
    for kind, found, known in (
        ("variant", table.variants, {design.baseline, *design.variants}),
        ("data set", table.data, {*design.data}),
    ):
        new = [repr(name) for name in dict.fromkeys(found) if name not in known]
        if new:
            raise UsageError(
                f"The design has no {kind} {join_with_and(new)}: the error rate is shared by what was planned. "
                "Remove these runs, or begin a new design with new seeds."
            )


def check_seeds(
    design: JudgeDesign,
    runs: Mapping[str, VariantValues],
    comparisons: Sequence[Comparison],
    suspicions: Sequence[Suspicion],
) -> None:
    """Raise a `UsageError` if a variant has a seed that is not in the design, or beyond its next look.

    A variant may have the seeds of the look at which it stopped. The baseline goes on with any of them.
    """
    if any(each.kind == "one seed" for each in suspicions):
        raise UsageError(
            "All runs have one seed, and a design counts runs by their seeds. Set another seed in each run of "
            "a variant, or leave out the column if they were not set."
        )
    allowed = dict.fromkeys((design.baseline, *design.variants), 0)
    by_variant = {each.variant: each for each in comparisons}
    for variant in design.variants:
        result = by_variant[variant].sequential if variant in by_variant else None
        seeds = design.looks.looks[0]
        if result is not None:
            seeds = result.next_look or result.looks[-1].seeds
        allowed[variant] = seeds
        allowed[design.baseline] = max(allowed[design.baseline], seeds)
    for name, each in runs.items():
        unknown = sorted(set(each.seeds) - set(design.seeds))
        if unknown:
            raise UsageError(
                f"The design has {join_seeds(design.seeds)}. Found {name!r} with {join_seeds(unknown)}: "
                "remove these runs."
            )
        early = sorted(set(each.seeds) - set(design.seeds[: allowed[name]]))
        if early:
            raise UsageError(
                f"{name!r} has runs beyond its look at {allowed[name]} seeds: {join_seeds(early)}. "
                "They must not count: remove them from the table, and train only the runs that are named next."
            )
