"""The command `foveal plan`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter
from cyclopts.types import NonNegativeInt, PositiveFloat
from rich.markup import escape

from foveal.cli.console import print_json, stderr, stdout
from foveal.cli.options import JsonFlag
from foveal.study.config import StudyConfig
from foveal.text_format import format_duration, format_level

if TYPE_CHECKING:
    from foveal.study.planning import Plan

_DEFAULT_STUDY = StudyConfig()


def plan(
    *,
    config: Annotated[StudyConfig, Parameter(name="*")] = _DEFAULT_STUDY,
    sd: PositiveFloat | None = None,
    detect: PositiveFloat | None = None,
    workers: NonNegativeInt = 1,
    json: JsonFlag = False,
) -> None:
    """Estimate how long a study takes and which differences it can detect.

    A few training steps of each variant are timed. Nothing is written except to the cache.

    Parameters
    ----------
    sd
        Standard deviation of test accuracy from run to run, in points.
    detect
        The difference that the study should detect, in points; by default the margin.
    workers
        Number of parallel runs on this machine; 0 measures the fastest number.
    """
    from foveal.study.executors import choose_worker_count
    from foveal.study.planning import plan as plan_study

    workers = workers or choose_worker_count(config, None)
    with stderr.status("Timing a few steps of each variant"):
        study_plan = plan_study(config, sd=sd, detect=detect, workers=workers)
    if json:
        print_json(asdict(study_plan))
        return
    for name, text in _format_plan(study_plan):
        stdout.print(f"{name:<10}{escape(text)}", soft_wrap=True)


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
    detects = (
        f"with {plan.seeds} seeds a true difference of {plan.detectable:.2f} points in 4 of 5 studies"
        if plan.detectable is not None
        else f"with {plan.seeds} seeds no difference: at least 3 seeds are needed"
    )
    return [
        ("runs", f"{plan.runs}: {', '.join(plan.variants)}, {plan.seeds} seeds each"),
        ("time", f"about {format_duration(plan.seconds)}{parallel}; per run: {per_run}"),
        ("interval", f"{format_level(1 - plan.alpha)}{correction}"),
        ("sd", f"{plan.sd:g} points from run to run ({plan.sd_source})"),
        ("detects", detects),
        ("needs", f"{plan.seeds_needed} seeds to detect {plan.detect:g} points in 4 of 5 studies"),
    ]
