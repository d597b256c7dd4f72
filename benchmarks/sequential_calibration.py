"""Error rates, power and seeds used of sequential studies, simulated with the rule of foveal.stats.

Four variants share one baseline. `calibration.py` runs this with everything else.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from rich.table import Table

from foveal.stats import plan_looks, simulate_sequential_studies

VARIANTS = 4
MAX_SEEDS = 20
TINY_MARGIN = 1e-9
MAX_WRONG_STUDIES = {1.0: 0.055, 2.0: 0.065}
MAX_WRONG_EQUIVALENCE = 0.0125
POWER_TOLERANCE = 0.03
SEEDS_TOLERANCE = 0.5


@dataclass(frozen=True)
class Case:
    """Simulated studies: true difference, margin and standard deviation of variants, in those of `none`.

    `better`, `equivalent` and `seeds` are what an independent audit found; None where it has no number.
    """

    difference: float
    margin: float
    variant_sd: float = 1.0
    stops_when_unlikely: bool = False
    better: float | None = None
    equivalent: float | None = None
    seeds: float | None = None


@dataclass(frozen=True)
class SequentialRates:
    """What studies of one case did; shares are of comparisons, `wrong_studies` of studies."""

    case: Case
    wrong_studies: float
    better: float
    worse: float
    equivalent: float
    seeds: float


CASES = (
    Case(0, TINY_MARGIN),
    Case(0, TINY_MARGIN, variant_sd=2.0),
    Case(0, TINY_MARGIN, stops_when_unlikely=True),
    Case(0, 2, equivalent=0.995, seeds=10.2),
    Case(0, 1, equivalent=0.467, seeds=19.5),
    Case(0, 1, stops_when_unlikely=True, equivalent=0.417, seeds=17.3),
    Case(2, 2),  # the difference is the margin: every "equivalent" is wrong
    Case(0.5, 0.5, better=0.139, seeds=19.5),
    Case(0.5, 0.5, stops_when_unlikely=True, better=0.126, seeds=12.1),
    Case(1, 0.5, better=0.645, seeds=17.2),
    Case(1, 0.5, stops_when_unlikely=True, better=0.606, seeds=14.6),
    Case(2, TINY_MARGIN, better=1.0, seeds=9.4),
    Case(4, TINY_MARGIN, better=1.0, seeds=5.2),
)  # fmt: skip


def measure_sequential_rates(case: Case, studies: int, seed: Sequence[int]) -> SequentialRates:
    """Simulate studies of one case."""
    design = plan_looks(
        MAX_SEEDS, comparisons=VARIANTS, stops_when_unlikely=case.stops_when_unlikely
    )
    outcomes = simulate_sequential_studies(
        design,
        difference=case.difference,
        margin=case.margin,
        sd=case.variant_sd,
        baseline_sd=1.0,
        variants=VARIANTS,
        studies=studies,
        seed=seed,
    )
    return SequentialRates(
        case,
        wrong_studies=float((np.abs(outcomes.verdicts) == 1).any(axis=1).mean()),
        better=outcomes.compute_share(1),
        worse=outcomes.compute_share(-1),
        equivalent=outcomes.compute_share(0),
        seeds=float(outcomes.seeds.mean()),
    )


def find_exceeded_sequential_bounds(rows: list[SequentialRates]) -> Iterator[str]:
    """Yield a sentence for each rate that exceeds its bound or differs from the audit."""
    for row in rows:
        case = row.case
        name = f"Sequential, difference {case.difference:g}, margin {case.margin:g}"
        if case.difference == 0 and case.margin == TINY_MARGIN:
            bound = MAX_WRONG_STUDIES[case.variant_sd]
            if row.wrong_studies > bound:
                yield f"{name}: {row.wrong_studies:.2%} of studies show a difference."
        if case.difference == case.margin and row.equivalent > MAX_WRONG_EQUIVALENCE:
            yield f"{name}: {row.equivalent:.2%} of comparisons show equivalence."
        for share, expected in ((row.better, case.better), (row.equivalent, case.equivalent)):
            if expected is not None and abs(share - expected) > POWER_TOLERANCE:
                yield f"{name}: {share:.1%} of comparisons have the verdict, not {expected:.1%}."
        if case.seeds is not None and abs(row.seeds - case.seeds) > SEEDS_TOLERANCE:
            yield f"{name}: {row.seeds:.1f} seeds, not {case.seeds:.1f}."


def sequential_table(rows: list[SequentialRates]) -> Table:
    """Return the table of sequential studies; shares in percent."""
    table = Table(
        "difference, sd", "margin, sd", "sd of variants", "stops when unlikely",
        "wrong studies", "better", "worse", "equivalent", "seeds",
        title=f"Sequential studies of {VARIANTS} variants, up to {MAX_SEEDS} seeds",
    )  # fmt: skip
    for row in rows:
        case = row.case
        wrong = f"{100 * row.wrong_studies:.2f}" if case.difference == 0 else ""
        shares = (f"{100 * share:.2f}" for share in (row.better, row.worse, row.equivalent))
        table.add_row(
            f"{case.difference:g}", f"{case.margin:g}", f"{case.variant_sd:g}",
            "yes" if case.stops_when_unlikely else "no", wrong, *shares, f"{row.seeds:.1f}",
        )  # fmt: skip
    return table


def list_sequential_rows(rows: list[SequentialRates]) -> list[dict[str, object]]:
    """Return the rows of the result file; what the audit found stays here."""
    case_fields = ("difference", "margin", "variant_sd", "stops_when_unlikely")
    return [
        {
            **{name: getattr(row.case, name) for name in case_fields},
            **{name: value for name, value in asdict(row).items() if name != "case"},
        }
        for row in rows
    ]
