"""How often is a verdict wrong? Studies without any difference, and with one as large as the margin.

Every verdict is that of foveal.stats. Deviations of the runs are normal, and drawn from those of real runs.
No margin is left in studies without a difference, so that none is excused as equivalent: the worst case.
Writes figures and picture, prints a table, and exits with 1 where a bound is broken.
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
from foveal.plotting import VARIANT_COLORS, new_figure, report_style, svg_element
from foveal.stats.verdict import FALSE_ALARMS_LOOKING_AGAIN, decide

ROOT = Path(__file__).parents[1]
REAL = "benchmarks/results/convnet-cifar10-short-runs.csv"
ALPHA = 0.05
VARIANTS = 4
SEEDS = (5, 10, 20)
LOOKS = range(3, 21)
SD = 0.003  # of normal deviations; nothing hangs on it, since the margin is measured by it
NO_MARGIN = 1e-9
MARGIN = 4  # standard deviations: five seeds can show equivalence there, so to say it wrongly is possible
MOST_WRONG = 0.055
MOST_COMPARISONS_WRONG = 0.05
COVERAGE_WITHIN = 0.015
LOOKING_WITHIN = 0.01
# A gray that can be read on white and on dark.
PARTS = ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color")
GRAY_TEXT: dict[Any, str] = dict.fromkeys(
    (*PARTS, "xtick.labelcolor", "ytick.labelcolor"), "#757b84"
)

FloatArray = npt.NDArray[np.float64]
Draw = Callable[[np.random.Generator, tuple[int, ...]], FloatArray]


@dataclass(frozen=True)
class Row:
    """Shares found at one number of seeds; `coverage` is that of the interval which is shown."""

    deviations: str
    seeds: int
    studies_better_or_worse: float
    coverage: float
    studies_equivalent_at_margin: float
    comparisons_equivalent_at_margin: float


@dataclass(frozen=True)
class Source:
    """Where the deviations of runs come from, and their standard deviation."""

    name: str
    draw: Draw
    sd: float


@dataclass(frozen=True)
class Looks:
    """Share of studies that show a difference at each look, and at that look or one before."""

    variants: int
    studies: int
    at_this_look: list[float]
    at_this_look_or_before: list[float]


def normal(generator: np.random.Generator, shape: tuple[int, ...]) -> FloatArray:
    """Draw normal deviations."""
    return SD * generator.standard_normal(shape)


def resampled(deviations: FloatArray) -> Draw:
    """Return what draws from the deviations of real runs, with replacement."""

    return lambda generator, shape: np.asarray(generator.choice(deviations, size=shape))


def real_deviations(path: Path) -> FloatArray:
    """Return the test accuracies of the runs of `none` in a study's results.csv, less their mean."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["variant"] == "none"]
    accuracies = np.array([float(row["test_accuracy"]) for row in rows])
    return np.asarray(accuracies - accuracies.mean())


def judge(
    values: FloatArray, baseline: FloatArray, *, margin: float, alpha: float
) -> tuple[str, tuple[float, float]]:
    """Return verdict and interval as stats.compare does, without its sentences about power."""
    tests = stats.equivalence(values, baseline, margin=margin, alpha=alpha)
    shown = tests.welch.interval(1 - alpha)
    return decide(shown, tests.interval, margin)[0], shown


def judged(
    studies: FloatArray, *, margin: float
) -> tuple[npt.NDArray[np.str_], npt.NDArray[np.bool_]]:
    """Return verdicts of studies (R, variants + 1, seeds), the baseline last, and which intervals hold 0."""
    alpha = ALPHA / (studies.shape[1] - 1)
    found = [
        [judge(values, study[-1], margin=margin, alpha=alpha) for values in study[:-1]]
        for study in studies
    ]
    words = np.array([[word for word, _ in study] for study in found])
    holds = np.array([[low <= 0 <= high for _, (low, high) in study] for study in found])
    return words, holds


def refuse_other_verdicts(studies: FloatArray, *, margin: float) -> None:
    """Stop where `judged` and the whole of stats.compare_variants do not say the same."""
    words, _ = judged(studies, margin=margin)
    for study, expected in zip(studies, words, strict=True):
        names = [*map(str, range(len(study) - 1)), "none"]
        accuracies = dict(zip(names, study.tolist(), strict=True))
        found = stats.compare_variants(accuracies, margin=margin, alpha=ALPHA)
        if [comparison.verdict for comparison in found] != expected.tolist():
            raise AssertionError(f"{expected.tolist()} is not what compare_variants says: {found}")


def differ(words: npt.NDArray[np.str_]) -> npt.NDArray[np.bool_]:
    """Say which studies have a variant that is better or worse."""
    return np.asarray(((words == "better") | (words == "worse")).any(axis=1))


def measure(source: Source, seeds: int, count: int, generator: np.random.Generator) -> Row:
    """Judge `count` studies without a difference, and as many with one of exactly the margin."""
    margin = MARGIN * source.sd
    null = source.draw(generator, (count, VARIANTS + 1, seeds))
    words, holds = judged(null, margin=NO_MARGIN)
    apart = source.draw(generator, (count, VARIANTS + 1, seeds))
    apart[:, :-1] += margin
    equivalent = judged(apart, margin=margin)[0] == "equivalent"
    refuse_other_verdicts(null[:20], margin=NO_MARGIN)
    refuse_other_verdicts(apart[:20], margin=margin)
    return Row(
        source.name,
        seeds,
        studies_better_or_worse=float(differ(words).mean()),
        coverage=float(holds.mean()),
        studies_equivalent_at_margin=float(equivalent.any(axis=1).mean()),
        comparisons_equivalent_at_margin=float(equivalent.mean()),
    )


def look_again(variants: int, count: int, generator: np.random.Generator) -> Looks:
    """Judge `count` studies without a difference at each number of seeds from 3 to 20."""
    studies = normal(generator, (count, variants + 1, LOOKS[-1]))
    shown = np.stack([differ(judged(studies[..., :seeds], margin=NO_MARGIN)[0]) for seeds in LOOKS])
    so_far = np.logical_or.accumulate(shown)
    return Looks(variants, count, shown.mean(axis=1).tolist(), so_far.mean(axis=1).tolist())


def broken(rows: list[Row], looked: float) -> Iterator[str]:
    """Yield a sentence for each bound that does not hold."""
    level = 1 - ALPHA / VARIANTS
    for row in rows:
        where = f"{row.deviations} deviations, {row.seeds} seeds"
        if row.studies_better_or_worse > MOST_WRONG:
            yield f"{where}: {row.studies_better_or_worse:.2%} of studies show a difference."
        if abs(row.coverage - level) > COVERAGE_WITHIN:
            yield f"{where}: {row.coverage:.2%} of intervals hold the truth."
        if row.studies_equivalent_at_margin > MOST_WRONG:
            yield f"{where}: {row.studies_equivalent_at_margin:.2%} of studies call it equivalent."
        if row.comparisons_equivalent_at_margin > MOST_COMPARISONS_WRONG:
            yield f"{where}: {row.comparisons_equivalent_at_margin:.2%} of comparisons do."
    if abs(looked - FALSE_ALARMS_LOOKING_AGAIN) > LOOKING_WITHIN:
        yield f"Looking again: {looked:.2%}, and foveal.stats says {FALSE_ALARMS_LOOKING_AGAIN:.2%}."


def picture(looks: Looks) -> str:
    """Draw what looking again does, as SVG for light and dark."""
    so_far, alone = looks.at_this_look_or_before, looks.at_this_look
    with report_style(), matplotlib.rc_context(GRAY_TEXT):
        figure = new_figure(520, 300)
        axes = figure.add_subplot()
        for shares, color, marker, label in (
            (so_far, VARIANT_COLORS[0], "o", "at this look\nor one before"),
            (alone, VARIANT_COLORS[1], "s", "at this look"),
        ):
            percent = 100 * np.array(shares)
            axes.plot(LOOKS, percent, color=color, marker=marker, markersize=4)
            axes.text(LOOKS[-1] + 0.5, percent[-1], label, va="center")
        axes.set_xlim(LOOKS[0] - 0.5, LOOKS[-1] + 0.2)
        axes.set_ylim(0, 25)
        axes.set_xticks([3, 5, 10, 15, 20])
        axes.set_xlabel("seeds per arm at the look")
        axes.set_ylabel("studies that show a difference, %")
        return svg_element(
            figure,
            name="looking-again",
            description=f"Without any difference, {100 * so_far[-1]:.0f} % of studies show one by 20 seeds.",
        )


def table(rows: list[Row]) -> Table:
    """Return the shares in percent."""
    headings = ("better or worse", "D covers", "equivalent at margin", "of comparisons")
    shown = Table("deviations", "seeds", *headings)
    for row in rows:
        name, seeds, *shares = asdict(row).values()
        shown.add_row(name, str(seeds), *(f"{100 * share:.2f}" for share in shares))
    return shown


def options() -> argparse.Namespace:
    """Return the parsed command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=2000, help="at each number of seeds")
    parser.add_argument(
        "--looking", type=int, default=100_000, help="studies of one variant; a tenth of several"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--real", default=REAL, help="results.csv of a study with runs of none")
    parser.add_argument("--skip-real", action="store_true", help="normal deviations only")
    parser.add_argument("--json", default="benchmarks/results/calibration.json")
    parser.add_argument("--figure", default="docs/_static/looking-again.svg")
    chosen = parser.parse_args()
    if not chosen.skip_real and not (ROOT / chosen.real).is_file():
        parser.error(f"There is no file {chosen.real}: give --real FILE, or --skip-real.")
    return chosen


def record(
    chosen: argparse.Namespace, rows: list[Row], looked: list[Looks], real: dict[str, object] | None
) -> dict[str, object]:
    """Return what is written down: every figure, and how it came about."""
    numbers = f"--studies {chosen.studies} --looking {chosen.looking} --seed {chosen.seed}"
    source = f"--real {real['file']}" if real else "--skip-real"
    return {
        "alpha": ALPHA,
        "command": f"python benchmarks/calibration.py {numbers} {source}",
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "looking_again": [{"seeds": list(LOOKS), **asdict(looks)} for looks in looked],
        "margin_in_sd_where_equivalent": MARGIN,
        "real": real,
        "rows": [asdict(row) for row in rows],
        "seed": chosen.seed,
        "studies_per_row": chosen.studies,
        "variants": VARIANTS,
        "versions": {
            "foveal": foveal.__version__,
            "numpy": np.__version__,
            "scipy": scipy.__version__,
        },
    }


def main() -> int:
    """Measure, write, print, and return the exit code."""
    chosen = options()
    sources, real = [Source("normal", normal, SD)], None
    if not chosen.skip_real:
        deviations = real_deviations(ROOT / chosen.real)
        sources.append(Source("real", resampled(deviations), float(deviations.std())))
        name = chosen.real if not Path(chosen.real).is_absolute() else Path(chosen.real).name
        real = {"file": name, "runs": len(deviations), "sd": float(deviations.std(ddof=1))}
    rows = [
        measure(source, seeds, chosen.studies, np.random.default_rng([chosen.seed, place, seeds]))
        for place, source in enumerate(sources)
        for seeds in SEEDS
    ]
    looked = [
        look_again(k, count, np.random.default_rng([chosen.seed, k]))
        for k, count in ((1, chosen.looking), (VARIANTS, chosen.looking // 10))
    ]
    failures = list(broken(rows, looked[0].at_this_look_or_before[-1]))
    figures = record(chosen, rows, looked, real)
    write(ROOT / chosen.json, json.dumps(figures, indent=2, sort_keys=True))
    write(ROOT / chosen.figure, picture(looked[0]))
    console = Console()
    console.print(table(rows))
    for looks in looked:
        share = looks.at_this_look_or_before[-1]
        console.print(f"Looking again, {looks.variants} to compare: {share:.2%} by 20 seeds.")
    for failure in failures:
        console.print(f"[red]Broken:[/] {failure}")
    return 1 if failures else 0


def write(path: Path, text: str) -> None:
    """Write a file and the folder it is in."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
