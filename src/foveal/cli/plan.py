"""The command `foveal plan`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter
from cyclopts.types import NonNegativeInt, PositiveFloat
from cyclopts.validators import Number
from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from foveal.cli.console import print_json, print_message, stdout
from foveal.cli.first_line import add_missing_baseline, describe_runs
from foveal.cli.options import JsonFlag
from foveal.errors import UsageError
from foveal.study.config import StudyConfig
from foveal.text_format import format_duration, format_level, join_with_and

if TYPE_CHECKING:
    from foveal.study.planning import Plan

_DEFAULT_STUDY = StudyConfig()


def plan(
    *,
    config: Annotated[StudyConfig, Parameter(name="*")] = _DEFAULT_STUDY,
    sd: PositiveFloat | None = None,
    like: Path | None = None,
    pilot: Annotated[int | None, Parameter(validator=Number(gte=3))] = None,
    detect: PositiveFloat | None = None,
    workers: NonNegativeInt = 1,
    json: JsonFlag = False,
) -> None:
    """Estimate how long a study takes and which differences it can detect.

    A few training steps of each variant are timed. How much accuracy varies from run to run is looked up in a
    table of similar trainings, or taken from an earlier study or a pilot. Only a pilot writes more than the
    cache.

    Parameters
    ----------
    sd
        Standard deviation of test accuracy from run to run, in points.
    like
        Folder of an earlier study of the same data and network that gives this deviation.
    pilot
        First train this many seeds of none, which the study does not use, to measure the deviation.
    detect
        The difference that the study should detect, in points; by default the margin.
    workers
        Number of parallel runs on this machine; 0 measures the fastest number.
    """
    from foveal.study.executors import choose_worker_count
    from foveal.study.pilot import run_pilot
    from foveal.study.planning import plan as plan_study

    if sum(each is not None for each in (sd, like, pilot)) > 1:
        raise UsageError("Only one of --sd, --like and --pilot can give the deviation.")
    config = add_missing_baseline(config)
    print_message(
        f"{describe_runs(config)}. Now a few steps of each variant are timed, which takes up to a minute."
    )
    workers = workers or choose_worker_count(config, None)
    if pilot is not None:
        print_message(f"Training {pilot} seeds of none as a pilot")
        like = run_pilot(config, pilot, workers=workers)
        print_message(f"Pilot: {escape(str(like))}")
    study_plan = plan_study(config, sd=sd, like=like, detect=detect, workers=workers)
    if json:
        print_json(asdict(study_plan))
        return
    for name, text in _format_plan(study_plan):
        stdout.print(f"{name:<10}{escape(text)}", soft_wrap=True)
    if study_plan.outlook:
        stdout.print(_make_outlook_table(study_plan))


def _format_plan(plan: Plan) -> list[tuple[str, str]]:
    """Return the printed lines of a plan, each with its name."""
    correction = (
        f", because {plan.comparisons} comparisons share the error rate of 5 %"
        if plan.comparisons > 1
        else ""
    )
    per_run = ", ".join(
        f"{variant} {format_duration(seconds)}"
        for variant, seconds in plan.seconds_by_variant.items()
    )
    parallel = f" with {plan.workers} parallel runs" if plan.workers > 1 else ""
    seeds = f"{plan.seeds} seeds each"
    if plan.first_seed:
        seeds += f", from {plan.first_seed} on"
    detects = f"with {plan.seeds} seeds no difference: at least 3 seeds are needed"
    if plan.detectable_range is not None:
        difference = _format_range(*(f"{end:.2f}" for end in plan.detectable_range))
        detects = (
            f"with {plan.seeds} seeds a true difference of {difference} points with 80 % power"
        )
    sd = f"{plan.sd:.2g} points from run to run"
    if plan.sd_range[0] < plan.sd_range[1]:
        sd += f", {_name_range(plan, *(f'{end:.2g}' for end in plan.sd_range))}"
    needed = f"{plan.seeds_needed:,} seeds to detect {plan.detect:g} points with 80 % power"
    low, high = plan.seeds_needed_range
    if low < high:
        needed += f", {_name_range(plan, f'{low:,}', f'{high:,}')}"
        needed += ", because the deviation is uncertain"
    if plan.outlook:
        needed += "; that is without looks, and looks take more"
    most = "at most " if plan.outlook else ""
    interval = f"{format_level(1 - plan.alpha)}{correction}"
    if plan.outlook:
        interval = f"the error rate of 5 % is spent over looks at {join_with_and(plan.looks)} seeds"
    return [
        ("runs", f"{most}{plan.runs}: {', '.join(plan.variants)}, {seeds}"),
        (
            "time",
            f"{most or 'about '}{format_duration(plan.seconds)}{parallel}; per run: {per_run}",
        ),
        ("interval", interval),
        ("sd", f"{sd} ({plan.sd_source})"),
        *([] if plan.outlook else [("detects", detects)]),
        ("needs", needed),
    ]


def _make_outlook_table(plan: Plan) -> Table:
    """Return the table of what to expect of a sequential study."""
    table = Table(
        "if the difference is", "seeds", "time", "better", "equivalent",
        box=SIMPLE_HEAD,
        caption=f"If seeds differ by {plan.sd:.2g} points, in every variant.",
        caption_justify="left",
    )  # fmt: skip
    for row in plan.outlook:
        table.add_row(
            f"{row.difference:g} points",
            f"about {row.seeds:.0f}",
            format_duration(row.seconds / plan.workers),
            f"{row.share_better:.0%}",
            f"{row.share_equivalent:.0%}",
        )
    return table


def _name_range(plan: Plan, low: str, high: str) -> str:
    """Return the range of a number that follows from the deviation, an interval where that is an estimate."""
    if plan.range_level is None:
        return f"between {low} and {high}"
    return f"{format_level(plan.range_level)} interval {low} to {high}"


def _format_range(low: str, high: str) -> str:
    """Return a range of two numbers, and one of two equal numbers.

    >>> _format_range("3", "8"), _format_range("3", "3")
    ('3 to 8', '3')
    """
    return low if low == high else f"{low} to {high}"
