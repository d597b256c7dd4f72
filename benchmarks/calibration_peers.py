"""Four ways to compare networks from seed to seed, on the same simulated studies.

One run each; Welch's test after every seed until it shows something; AdaStop (package `adastop`, five runs at
each of four looks, every variant compared with the baseline); and a sequential study of foveal. Deviations are
normal, or drawn from the real runs in results/. Writes results/calibration_peers.json and prints the table.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from adastop import MultipleAgentsComparator  # type: ignore[import-not-found, unused-ignore]
from rich.console import Console
from rich.table import Table
from scipy.stats import ttest_ind

from calibration import REAL_RUNS, ROOT, read_real_deviations
from foveal.stats import plan_looks
from foveal.stats.sequential_simulation import apply_design
from result_files import save_results

FloatArray = npt.NDArray[np.float64]
VARIANTS, MAX_SEEDS = 4, 20
ALPHA, MARGIN = 0.05, 1.0  # the margin is in standard deviations
FIRST_NAIVE_LOOK = 3
ADASTOP_RUNS, ADASTOP_LOOKS = 5, 4
DIFFERENCES = (0.0, 1.0, 2.0)


@dataclass(frozen=True)
class Decisions:
    """Decisions of one study, one per variant: 1 better, -1 worse, 0 equivalent, NaN none; and seeds used."""

    verdicts: list[float]
    seeds: list[int]


def decide_by_one_run(study: FloatArray, seed: int) -> Decisions:
    """Call the larger of two runs better."""
    del seed
    return Decisions(np.sign(study[1:, 0] - study[0, 0]).tolist(), [1] * VARIANTS)


def decide_by_naive_looks(study: FloatArray, seed: int) -> Decisions:
    """Test each variant after every seed at the full level, and stop at the first p-value below it."""
    del seed
    verdicts, seeds = [], []
    for values in study[1:]:
        for count in range(FIRST_NAIVE_LOOK, MAX_SEEDS + 1):
            test = ttest_ind(values[:count], study[0, :count], equal_var=False)
            if test.pvalue < ALPHA:
                break
        verdicts.append(float(np.sign(test.statistic)) if test.pvalue < ALPHA else np.nan)
        seeds.append(count)
    return Decisions(verdicts, seeds)


def decide_by_adastop(study: FloatArray, seed: int) -> Decisions:
    """Let AdaStop compare each variant with the baseline."""
    pairs = np.array([(0, number) for number in range(1, VARIANTS + 1)])
    comparator = MultipleAgentsComparator(
        n=ADASTOP_RUNS, K=ADASTOP_LOOKS, B=10_000, comparisons=pairs, alpha=ALPHA, seed=seed
    )
    open_pairs, seeds = pairs, [0] * VARIANTS
    for look in range(1, ADASTOP_LOOKS + 1):
        for _, number in open_pairs:
            seeds[number - 1] = look * ADASTOP_RUNS
        runs = {str(number): values[: look * ADASTOP_RUNS] for number, values in enumerate(study)}
        comparator.partial_compare(runs, verbose=False)
        open_pairs = comparator.current_comparisons
        if comparator.is_finished:
            break
    words = {
        "larger": -1.0,
        "smaller": 1.0,
        "equal": np.nan,
    }  # of the baseline, compared with a variant
    return Decisions([words[comparator.decisions[str(pair)]] for pair in pairs], seeds)


def decide_by_foveal(study: FloatArray, seed: int) -> Decisions:
    """Apply the sequential design of foveal."""
    del seed
    design = plan_looks(MAX_SEEDS, comparisons=VARIANTS)
    baseline = np.broadcast_to(study[0], study[1:].shape)
    outcomes = apply_design(study[1:], baseline, design=design, margin=MARGIN)
    return Decisions(outcomes.verdicts.tolist(), outcomes.seeds.tolist())


METHODS: dict[str, Callable[[FloatArray, int], Decisions]] = {
    "one run each": decide_by_one_run,
    "Welch after every seed": decide_by_naive_looks,
    "AdaStop": decide_by_adastop,
    "foveal, until decided": decide_by_foveal,
}


def draw_studies(
    deviations: FloatArray | None, difference: float, count: int, generator: np.random.Generator
) -> FloatArray:
    """Return studies (count, 1 + variants, seeds) in standard deviations, the baseline first."""
    shape = (count, 1 + VARIANTS, MAX_SEEDS)
    if deviations is None:
        studies = generator.standard_normal(shape)
    else:
        # A little noise, so that resampled runs are not exactly equal.
        studies = generator.choice(deviations / deviations.std(), size=shape)
        studies = studies + 0.01 * generator.standard_normal(shape)
    studies[:, 1:] += difference
    return np.asarray(studies)


def summarize(decisions: list[Decisions], difference: float) -> dict[str, float]:
    """Return the rates of one method in one cell."""
    verdicts = np.array([each.verdicts for each in decisions])
    wrong = np.abs(verdicts) == 1 if difference == 0 else verdicts == -1
    wrong |= (verdicts == 0) & (difference >= MARGIN)
    return {
        "studies_with_a_wrong_verdict": float(wrong.any(axis=1).mean()),
        "comparisons_decided": float((~np.isnan(verdicts)).mean()),
        "comparisons_better": float((verdicts == 1).mean()),
        "seeds_per_variant": float(np.mean([each.seeds for each in decisions])),
    }


def main() -> None:
    """Simulate, save and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=500, help="studies a cell")
    options = parser.parse_args()
    real = read_real_deviations(ROOT / REAL_RUNS)
    rows: list[dict[str, Any]] = []
    table = Table(
        "deviations", "difference, sd", "method", "studies with a wrong verdict, %",
        "comparisons decided, %", "better, %", "seeds",
    )  # fmt: skip
    with ProcessPoolExecutor() as pool:
        for source, deviations in (("normal", None), ("real", real)):
            for difference in DIFFERENCES:
                generator = np.random.default_rng([len(source), round(10 * difference)])
                studies = draw_studies(deviations, difference, options.studies, generator)
                for name, decide in METHODS.items():
                    decisions = list(pool.map(decide, studies, range(len(studies)), chunksize=4))
                    rates = summarize(decisions, difference)
                    rows.append(
                        {"deviations": source, "difference": difference, "method": name, **rates}
                    )
                    *shares, seeds = rates.values()
                    cells = [*(f"{100 * share:.1f}" for share in shares), f"{seeds:.1f}"]
                    table.add_row(source, f"{difference:g}", name, *cells)
    Console(width=140).print(table)
    save_results("calibration_peers", rows, studies=options.studies, margin_in_sd=MARGIN)


if __name__ == "__main__":
    main()
