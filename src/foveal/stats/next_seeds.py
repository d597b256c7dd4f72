"""Seeds that come next: those of a next look, and those of a new study after an undecided one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from foveal.stats.comparison import MIN_SEEDS, Comparison
from foveal.stats.sequential import SequentialDesign
from foveal.stats.value_checks import VariantValues

SEED_COUNTS: Final = (5, 10, 20, 50)
"""Seeds per variant of a new study."""
_SEED_STEP: Final = 100


def choose_more_seeds(seeds: int) -> int:
    """Return the number of seeds of a new study after one with `seeds` per variant.

    >>> choose_more_seeds(5), choose_more_seeds(50)
    (10, 100)
    """
    return next((count for count in SEED_COUNTS if count > seeds), 2 * seeds)


def choose_first_new_seed(last_seed: int) -> int:
    """Return the first seed of a new study, so that it has no seed up to `last_seed`.

    >>> choose_first_new_seed(4), choose_first_new_seed(100)
    (100, 200)
    """
    return (last_seed // _SEED_STEP + 1) * _SEED_STEP


def count_needed_seeds(
    comparisons: Sequence[Comparison], pairs: Sequence[tuple[str, str]], *, first_look: int
) -> dict[str, int]:
    """Return the seeds that each variant needs for the next looks, 0 if it may stop.

    A variant, a control or the baseline goes on while any of its comparisons is open. A pair without a
    comparison needs those of the first look.
    """
    next_looks = {
        (comparison.variant, comparison.reference): comparison.sequential.next_look
        for comparison in comparisons
        if comparison.sequential is not None
    }
    needed: dict[str, int] = {}
    for pair in pairs:
        next_look = next_looks.get(pair, first_look)
        for variant in pair:
            needed[variant] = max(needed.get(variant, 0), next_look or 0)
    return needed


def count_undecided_seeds(
    comparisons: Sequence[Comparison], max_seeds: int | None = None
) -> int | None:
    """Return the seeds per variant with which comparisons stay undecided; None if no new study is needed.

    A sequential study has `max_seeds` of them; while one of its comparisons is open, its next look may decide.

    >>> count_undecided_seeds([]) is None
    True
    """
    undecided = [each.seeds for each in comparisons if each.verdict == "undecided"]
    is_open = any(each.sequential and each.sequential.next_look for each in comparisons)
    if not undecided or is_open:
        return None
    return max(undecided) if max_seeds is None else max_seeds


@dataclass(frozen=True)
class NextRuns:
    """Runs that come next.

    Attributes:
        seeds: seeds to train, by variant; empty if no comparison needs a run.
        is_new_study: True if `seeds` are a new study.
        new_design: first seed and largest number of seeds of a new sequential study, or None.
    """

    seeds: Mapping[str, tuple[int, ...]]
    is_new_study: bool = False
    new_design: tuple[int, int] | None = None


def plan_next_runs(
    runs: Mapping[str, VariantValues],
    pairs: Sequence[tuple[str, str]],
    comparisons: Sequence[Comparison],
    design: SequentialDesign | None,
    design_seeds: Sequence[int] | None,
) -> NextRuns:
    """Return the runs that come next.

    All pairs have the same reference. Without a design, these are the seeds that some variants have and others
    do not, and at least five; if a comparison is undecided after all of them, those of a new study: more seeds
    until a difference shows would raise the rate of false positives. With a design they are those of the next
    look.
    """
    names = list(dict.fromkeys([pairs[0][1], *(variant for variant, _ in pairs)]))
    seeds = {name: set(runs[name].seeds) if name in runs else set[int]() for name in names}
    every = sorted(set[int]().union(*seeds.values()))
    if design is not None:
        needed = count_needed_seeds(comparisons, pairs, first_look=design.looks[0])
        order = list(design_seeds if design_seeds is not None else every)
        wanted = {name: set(order[: needed[name]]) for name in names}
    elif len(every) < MIN_SEEDS:
        every += range(every[-1] + 1, every[-1] + 1 + SEED_COUNTS[0] - len(every))
        wanted = {name: set(every) for name in names}
    else:
        wanted = {name: set(every) for name in names}
    missing = {name: tuple(sorted(wanted[name] - seeds[name])) for name in names}
    missing = {name: each for name, each in missing.items() if each}
    undecided = count_undecided_seeds(comparisons, None if design is None else design.max_seeds)
    if missing or undecided is None:
        return NextRuns(missing)
    count = choose_more_seeds(undecided)
    if design is not None:
        last = every[-1] if design_seeds is None else max(design_seeds)
        return NextRuns({}, new_design=(choose_first_new_seed(last), count))
    first = choose_first_new_seed(every[-1])
    return NextRuns(dict.fromkeys(names, tuple(range(first, first + count))), is_new_study=True)
