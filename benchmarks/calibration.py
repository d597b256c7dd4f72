"""Error rates of verdicts in simulated studies, and what the rules on seeds and on guessing change.

Studies have no difference, or one as large as the margin. Every verdict is that of foveal.stats. Run-to-run
deviations are normal, or resampled from real runs. In studies without a difference the margin is almost zero,
so that no wrong verdict counts as equivalent: the worst case. Writes results and a figure, prints tables, and
exits with 1 if a rate exceeds its bound.
"""

from __future__ import annotations

import argparse
import csv
import datetime
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import numpy.typing as npt
import scipy
from rich.console import Console
from rich.table import Table

import foveal
from foveal import stats
from foveal.plotting import VARIANT_COLORS, build_svg_element, new_figure, use_report_style
from foveal.stats.decision import choose_verdict
from foveal.stats.pair_comparison import REPEATED_LOOKS_ERROR_RATE
from sequential_calibration import (
    CASES,
    MAX_SEEDS,
    SequentialRates,
    find_exceeded_sequential_bounds,
    list_sequential_rows,
    measure_sequential_rates,
    sequential_table,
)

ROOT = Path(__file__).parents[1]
REAL_RUNS = "benchmarks/results/convnet-cifar10-short-runs.csv"
ALPHA = 0.05
VARIANTS = 4
SEEDS = (5, 10, 20)
LOOKS = range(3, 21)
CENTER = 0.5  # of deviations, so that they are accuracies
NORMAL_SD = 0.003  # arbitrary: margins are multiples of it
TINY_MARGIN = 1e-9
FEW_SEEDS, MANY_SEEDS = 3, 20
GUESSING = 0.1  # ten classes of equal size
GUESSING_SEEDS = 5
TEST_IMAGES = (100, 1000, 10_000)
ACCURACIES = (0.2, 0.3, 0.5, 0.7, 0.9)
GUESSING_SD = 0.01
DIFFERENCE_IN_SD = 3
# In standard deviations. Five seeds can show equivalence at this margin, so wrong equivalence is possible.
EQUIVALENCE_MARGIN_IN_SD = 4
MAX_WRONG_STUDIES = 0.055
MAX_WRONG_COMPARISONS = 0.05
COVERAGE_TOLERANCE = 0.015
REPEATED_LOOKS_TOLERANCE = 0.01
# A gray that is readable on light and dark backgrounds.
TEXT_SETTINGS = ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color")
GRAY_TEXT: dict[Any, str] = dict.fromkeys(
    (*TEXT_SETTINGS, "xtick.labelcolor", "ytick.labelcolor"), "#757b84"
)

FloatArray = npt.NDArray[np.float64]
Sampler = Callable[[np.random.Generator, tuple[int, ...]], FloatArray]


@dataclass(frozen=True)
class ErrorRates:
    """Rates at one number of seeds; `coverage` is that of the reported interval."""

    deviations: str
    seeds: int
    studies_better_or_worse: float
    coverage: float
    studies_equivalent_at_margin: float
    comparisons_equivalent_at_margin: float


@dataclass(frozen=True)
class UnequalSeeds:
    """Fraction of studies without a difference that show one, from few runs of each variant and many of `none`.

    First with all runs, as no verdict of foveal is made, then with the seeds that both have.
    """

    seeds: int
    baseline_seeds: int
    with_all_runs: float
    with_common_seeds: float


@dataclass(frozen=True)
class GuessingRates:
    """Fraction of comparisons called better or worse, without and with the rule on guessing.

    `accuracy` is that of the baseline. At guessing there is no difference in what was learned; otherwise the
    variant is better by `DIFFERENCE_IN_SD` standard deviations.
    """

    test_images: int
    accuracy: float
    without_rule: float
    with_rule: float


@dataclass(frozen=True)
class DeviationSource:
    """Distribution of the deviations of runs, with its standard deviation."""

    name: str
    sample: Sampler
    sd: float


@dataclass(frozen=True)
class RepeatedLooks:
    """Fraction of studies that show a difference at each look, and at that or an earlier look."""

    variants: int
    studies: int
    at_this_look: list[float]
    at_this_or_an_earlier_look: list[float]


def sample_normal(generator: np.random.Generator, shape: tuple[int, ...]) -> FloatArray:
    """Return normal deviations."""
    return NORMAL_SD * generator.standard_normal(shape)


def resample(deviations: FloatArray) -> Sampler:
    """Return a sampler that draws from `deviations` with replacement."""
    return lambda generator, shape: np.asarray(generator.choice(deviations, size=shape))


def read_real_deviations(path: Path) -> FloatArray:
    """Return the test accuracies of the runs of `none` in a results.csv minus their mean."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["variant"] == "none"]
    accuracies = np.array([float(row["test_accuracy"]) for row in rows])
    return np.asarray(accuracies - accuracies.mean())


def judge_comparison(
    values: FloatArray,
    baseline: FloatArray,
    *,
    margin: float,
    alpha: float,
    test_images: int | None = None,
) -> tuple[str, tuple[float, float]]:
    """Return verdict and interval as stats.compare_accuracies does, without its sentences about power."""
    tests = stats.run_equivalence_test(
        values, baseline, margin=margin, alpha=alpha, test_images=test_images
    )
    interval = tests.welch.compute_interval(1 - alpha)
    return choose_verdict(interval, tests.interval, margin)[0], interval


def judge_studies(
    studies: FloatArray, *, margin: float
) -> tuple[npt.NDArray[np.str_], npt.NDArray[np.bool_]]:
    """Return the verdict of each comparison and whether its interval contains 0.

    Args:
        studies: (R, variants + 1, seeds), the baseline last.
        margin: the margin of equivalence.
    """
    alpha = ALPHA / (studies.shape[1] - 1)
    results = [
        [judge_comparison(values, study[-1], margin=margin, alpha=alpha) for values in study[:-1]]
        for study in studies
    ]
    verdicts = np.array([[verdict for verdict, _ in study] for study in results])
    contains = np.array([[low <= 0 <= high for _, (low, high) in study] for study in results])
    return verdicts, contains


def check_verdicts(studies: FloatArray, *, margin: float) -> None:
    """Raise AssertionError if `judge_studies` and stats.compare_variants disagree."""
    verdicts, _ = judge_studies(studies, margin=margin)
    for study, expected in zip(studies, verdicts, strict=True):
        names = [*map(str, range(len(study) - 1)), "none"]
        accuracies = dict(zip(names, (CENTER + study).tolist(), strict=True))
        comparisons = stats.compare_variants(accuracies, margin=margin, alpha=ALPHA)
        if [comparison.verdict for comparison in comparisons] != expected.tolist():
            raise AssertionError(
                f"{expected.tolist()} differs from compare_variants: {comparisons}"
            )


def has_difference(verdicts: npt.NDArray[np.str_]) -> npt.NDArray[np.bool_]:
    """Return which studies have a variant that is better or worse."""
    return np.asarray(((verdicts == "better") | (verdicts == "worse")).any(axis=1))


def measure_error_rates(
    source: DeviationSource, seeds: int, count: int, generator: np.random.Generator
) -> ErrorRates:
    """Judge `count` studies without a difference, and as many with a difference of exactly the margin."""
    margin = EQUIVALENCE_MARGIN_IN_SD * source.sd
    null = source.sample(generator, (count, VARIANTS + 1, seeds))
    verdicts, contains = judge_studies(null, margin=TINY_MARGIN)
    shifted = source.sample(generator, (count, VARIANTS + 1, seeds))
    shifted[:, :-1] += margin
    equivalent = judge_studies(shifted, margin=margin)[0] == "equivalent"
    check_verdicts(null[:20], margin=TINY_MARGIN)
    check_verdicts(shifted[:20], margin=margin)
    return ErrorRates(
        source.name,
        seeds,
        studies_better_or_worse=float(has_difference(verdicts).mean()),
        coverage=float(contains.mean()),
        studies_equivalent_at_margin=float(equivalent.any(axis=1).mean()),
        comparisons_equivalent_at_margin=float(equivalent.mean()),
    )


def measure_unequal_seeds(count: int, generator: np.random.Generator) -> UnequalSeeds:
    """Judge `count` studies without a difference, with all runs and with the seeds that both have."""
    studies = sample_normal(generator, (count, VARIANTS + 1, MANY_SEEDS))
    alpha = ALPHA / VARIANTS
    wrong = np.zeros((2, count), dtype=bool)
    for number, study in enumerate(studies):
        for values in study[:-1, :FEW_SEEDS]:
            for row, baseline in enumerate((study[-1], study[-1, :FEW_SEEDS])):
                verdict, _ = judge_comparison(values, baseline, margin=TINY_MARGIN, alpha=alpha)
                wrong[row, number] |= verdict != "undecided"
        names = [*map(str, range(VARIANTS)), "none"]
        if number < 20:
            accuracies = {n: row.tolist() for n, row in zip(names, CENTER + study, strict=True)}
            few = {n: row if n == "none" else row[:FEW_SEEDS] for n, row in accuracies.items()}
            found = stats.compare_variants(few, margin=TINY_MARGIN, alpha=ALPHA)
            if any(each.verdict != "undecided" for each in found) != wrong[1, number]:
                raise AssertionError(f"compare_variants does not use the common seeds: {found}")
    return UnequalSeeds(FEW_SEEDS, MANY_SEEDS, *wrong.mean(axis=1).tolist())


def measure_guessing(
    test_images: int, accuracy: float, count: int, generator: np.random.Generator
) -> GuessingRates:
    """Judge `count` comparisons at one accuracy, without and with the rule on guessing.

    The runs of networks that learned nothing repeat the few classes that they name, so that they deviate from
    guessing together, by the standard error of the test set, and hardly from each other.
    """
    shape = (2, count, 1)
    if accuracy == GUESSING:
        error = np.sqrt(GUESSING * (1 - GUESSING) / test_images)
        means = GUESSING + error * generator.standard_normal(shape)
        sd = error / 5
    else:
        means = np.full(shape, accuracy)
        means[0] += DIFFERENCE_IN_SD * GUESSING_SD
        sd = GUESSING_SD
    runs = means + sd * generator.standard_normal((2, count, GUESSING_SEEDS))
    runs = np.round(np.clip(runs, 0, 1) * test_images) / test_images
    alpha = ALPHA / VARIANTS
    are_at_guessing = stats.is_at_guessing(
        runs.mean(axis=-1), guessing_accuracy=GUESSING, test_images=test_images
    )
    guesses: Any = np.asarray(are_at_guessing).all(axis=0)
    is_called = np.zeros((2, count), dtype=bool)
    for number, (values, baseline) in enumerate(zip(*runs, strict=True)):
        verdict, _ = judge_comparison(
            values, baseline, margin=TINY_MARGIN, alpha=alpha, test_images=test_images
        )
        is_called[0, number] = verdict in ("better", "worse")
        is_called[1, number] = is_called[0, number] and not guesses[number]
        if number < 20:
            found = stats.compare_accuracies(
                values.tolist(), baseline.tolist(), margin=TINY_MARGIN, comparisons=VARIANTS,
                test_images=test_images, guessing_accuracy=GUESSING,
            )  # fmt: skip
            if (found.verdict in ("better", "worse")) != is_called[1, number]:
                raise AssertionError(f"compare_accuracies has another rule on guessing: {found}")
    return GuessingRates(test_images, accuracy, *is_called.mean(axis=1).tolist())


def simulate_repeated_looks(
    variants: int, count: int, generator: np.random.Generator
) -> RepeatedLooks:
    """Judge `count` studies without a difference at each number of seeds from 3 to 20."""
    studies = sample_normal(generator, (count, variants + 1, LOOKS[-1]))
    shown = np.stack(
        [
            has_difference(judge_studies(studies[..., :seeds], margin=TINY_MARGIN)[0])
            for seeds in LOOKS
        ]
    )
    shown_so_far = np.logical_or.accumulate(shown)
    return RepeatedLooks(
        variants, count, shown.mean(axis=1).tolist(), shown_so_far.mean(axis=1).tolist()
    )


def find_exceeded_bounds(rows: list[ErrorRates], repeated_looks_rate: float) -> Iterator[str]:
    """Yield a sentence for each rate that exceeds its bound."""
    level = 1 - ALPHA / VARIANTS
    for row in rows:
        case = f"{row.deviations} deviations, {row.seeds} seeds"
        if row.studies_better_or_worse > MAX_WRONG_STUDIES:
            yield f"{case}: {row.studies_better_or_worse:.2%} of studies show a difference."
        if abs(row.coverage - level) > COVERAGE_TOLERANCE:
            yield f"{case}: {row.coverage:.2%} of intervals contain the true difference."
        if row.studies_equivalent_at_margin > MAX_WRONG_STUDIES:
            yield f"{case}: {row.studies_equivalent_at_margin:.2%} of studies show equivalence."
        if row.comparisons_equivalent_at_margin > MAX_WRONG_COMPARISONS:
            share = row.comparisons_equivalent_at_margin
            yield f"{case}: {share:.2%} of comparisons show equivalence."
    if abs(repeated_looks_rate - REPEATED_LOOKS_ERROR_RATE) > REPEATED_LOOKS_TOLERANCE:
        stated = f"foveal.stats states {REPEATED_LOOKS_ERROR_RATE:.2%}"
        yield f"Repeated looks: {repeated_looks_rate:.2%}, but {stated}."


def find_broken_rules(unequal: UnequalSeeds, guessing: list[GuessingRates]) -> Iterator[str]:
    """Yield a sentence for each rate at which a rule fails, or at which it takes power."""
    if unequal.with_common_seeds > MAX_WRONG_STUDIES:
        yield f"Unequal seeds: {unequal.with_common_seeds:.2%} of studies show a difference."
    for rates in guessing:
        case = f"{rates.test_images} test images, accuracy {rates.accuracy:.0%}"
        if rates.accuracy > GUESSING and rates.with_rule < rates.without_rule:
            yield f"{case}: the rule on guessing takes power, {rates.without_rule - rates.with_rule:.2%}."
        if rates.accuracy == GUESSING and rates.with_rule > MAX_WRONG_COMPARISONS / VARIANTS:
            yield f"{case}: {rates.with_rule:.2%} of networks that learned nothing have a verdict."


def draw_repeated_looks(looks: RepeatedLooks) -> str:
    """Return the figure of repeated looks as SVG for light and dark backgrounds."""
    so_far, single = looks.at_this_or_an_earlier_look, looks.at_this_look
    with use_report_style(), matplotlib.rc_context(GRAY_TEXT):
        figure = new_figure(520, 300)
        axes = figure.add_subplot()
        for shares, color, marker, label in (
            (so_far, VARIANT_COLORS[0], "o", "at this look\nor one before"),
            (single, VARIANT_COLORS[1], "s", "at this look"),
        ):
            percent = 100 * np.array(shares)
            axes.plot(LOOKS, percent, color=color, marker=marker, markersize=4)
            axes.text(LOOKS[-1] + 0.5, percent[-1], label, va="center")
        axes.set_xlim(LOOKS[0] - 0.5, LOOKS[-1] + 0.2)
        axes.set_ylim(0, 25)
        axes.set_xticks([3, 5, 10, 15, 20])
        axes.set_xlabel("seeds per arm at the look")
        axes.set_ylabel("studies that show a difference, %")
        return build_svg_element(
            figure,
            name="repeated-looks",
            description=f"Without any difference, {100 * so_far[-1]:.0f} % of studies show one by 20 seeds.",
        )


def rates_table(rows: list[ErrorRates]) -> Table:
    """Return the table of error rates in percent."""
    headings = ("better or worse", "coverage", "equivalent at margin", "of comparisons")
    table = Table("deviations", "seeds", *headings)
    for row in rows:
        name, seeds, *shares = asdict(row).values()
        table.add_row(name, str(seeds), *(f"{100 * share:.2f}" for share in shares))
    return table


def guessing_table(rows: list[GuessingRates]) -> Table:
    """Return the table of the rule on guessing in percent."""
    table = Table("test images", "accuracy of none", "better or worse", "with the rule on guessing")
    for row in rows:
        shares = (f"{100 * share:.2f}" for share in (row.without_rule, row.with_rule))
        table.add_row(str(row.test_images), f"{100 * row.accuracy:.0f}", *shares)
    return table


def parse_options() -> argparse.Namespace:
    """Return the parsed command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=2000, help="at each number of seeds")
    parser.add_argument(
        "--look-studies",
        type=int,
        default=100_000,
        help="studies of repeated looks with one variant; a tenth with several variants",
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--real", default=REAL_RUNS, help="results.csv of a study with runs of none"
    )
    parser.add_argument("--skip-real", action="store_true", help="normal deviations only")
    parser.add_argument("--json", default="benchmarks/results/calibration.json")
    parser.add_argument("--figure", default="docs/_static/repeated-looks.svg")
    options = parser.parse_args()
    if not options.skip_real and not (ROOT / options.real).is_file():
        parser.error(f"There is no file {options.real}. Use --real FILE or --skip-real.")
    return options


def build_record(
    options: argparse.Namespace,
    rows: list[ErrorRates],
    repeated_looks: list[RepeatedLooks],
    unequal: UnequalSeeds,
    guessing: list[GuessingRates],
    sequential: list[SequentialRates],
    real: dict[str, object] | None,
) -> dict[str, object]:
    """Return the content of the result file: every number and the command that reproduces it."""
    numbers = (
        f"--studies {options.studies} --look-studies {options.look_studies} --seed {options.seed}"
    )
    source = f"--real {real['file']}" if real else "--skip-real"
    return {
        "alpha": ALPHA,
        "command": f"python benchmarks/calibration.py {numbers} {source}",
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "equivalence_margin_in_sd": EQUIVALENCE_MARGIN_IN_SD,
        "guessing": {
            "accuracy": GUESSING,
            "difference_in_sd": DIFFERENCE_IN_SD,
            "rows": [asdict(row) for row in guessing],
            "sd": GUESSING_SD,
            "seeds": GUESSING_SEEDS,
        },
        "real": real,
        "repeated_looks": [{"seeds": list(LOOKS), **asdict(looks)} for looks in repeated_looks],
        "rows": [asdict(row) for row in rows],
        "seed": options.seed,
        "sequential": {
            "max_seeds": MAX_SEEDS,
            "studies": options.look_studies // 10,
            "rows": list_sequential_rows(sequential),
        },
        "studies_per_row": options.studies,
        "unequal_seeds": asdict(unequal),
        "variants": VARIANTS,
        "versions": {
            "foveal": foveal.__version__,
            "numpy": np.__version__,
            "scipy": scipy.__version__,
        },
    }


def main() -> int:
    """Simulate, write results and figure, print, and return the exit code."""
    options = parse_options()
    sources, real = [DeviationSource("normal", sample_normal, NORMAL_SD)], None
    if not options.skip_real:
        deviations = read_real_deviations(ROOT / options.real)
        sources.append(DeviationSource("real", resample(deviations), float(deviations.std())))
        name = options.real if not Path(options.real).is_absolute() else Path(options.real).name
        real = {"file": name, "runs": len(deviations), "sd": float(deviations.std(ddof=1))}
    rows = [
        measure_error_rates(
            source, seeds, options.studies, np.random.default_rng([options.seed, index, seeds])
        )
        for index, source in enumerate(sources)
        for seeds in SEEDS
    ]
    repeated_looks = [
        simulate_repeated_looks(k, count, np.random.default_rng([options.seed, k]))
        for k, count in ((1, options.look_studies), (VARIANTS, options.look_studies // 10))
    ]
    unequal = measure_unequal_seeds(
        options.studies, np.random.default_rng([options.seed, FEW_SEEDS, MANY_SEEDS])
    )
    guessing = [
        measure_guessing(
            images,
            accuracy,
            options.studies,
            np.random.default_rng([options.seed, images, round(1000 * accuracy)]),
        )
        for images in TEST_IMAGES
        for accuracy in (GUESSING, *ACCURACIES)
    ]
    sequential = [
        measure_sequential_rates(case, options.look_studies // 10, [options.seed, number])
        for number, case in enumerate(CASES)
    ]
    looks_rate = repeated_looks[0].at_this_or_an_earlier_look[-1]
    exceeded = [
        *find_exceeded_bounds(rows, looks_rate),
        *find_broken_rules(unequal, guessing),
        *find_exceeded_sequential_bounds(sequential),
    ]
    record = build_record(options, rows, repeated_looks, unequal, guessing, sequential, real)
    write_text(ROOT / options.json, json.dumps(record, indent=2, sort_keys=True))
    write_text(ROOT / options.figure, draw_repeated_looks(repeated_looks[0]))
    console = Console()
    console.print(rates_table(rows))
    console.print(guessing_table(guessing))
    console.print(sequential_table(sequential))
    console.print(
        f"{FEW_SEEDS} seeds against {MANY_SEEDS} of none: {unequal.with_all_runs:.2%} of studies show a "
        f"difference, {unequal.with_common_seeds:.2%} with the seeds that both have."
    )
    for looks in repeated_looks:
        share = looks.at_this_or_an_earlier_look[-1]
        console.print(f"Repeated looks, variants: {looks.variants}: {share:.2%} by 20 seeds.")
    for sentence in exceeded:
        console.print(f"[red]Exceeded:[/] {sentence}")
    return 1 if exceeded else 0


def write_text(path: Path, text: str) -> None:
    """Write a file and create its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
