"""`foveal plan`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter
from cyclopts.types import NonNegativeInt, PositiveFloat
from rich.markup import escape

from foveal.cli.console import err, out, print_json
from foveal.cli.live_status import duration
from foveal.cli.study_tables import percent
from foveal.study.config import StudyConfig

if TYPE_CHECKING:
    from foveal.study.planning import Plan

DEFAULT = StudyConfig()


def plan(
    *,
    config: Annotated[StudyConfig, Parameter(name="*")] = DEFAULT,
    sd: PositiveFloat | None = None,
    detect: PositiveFloat | None = None,
    workers: NonNegativeInt = 1,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Say what a study will take and what it can see, before anything is trained.

    Nothing is written but what is cached: a few steps of each variant tell the time.

    Parameters
    ----------
    sd
        Run-to-run standard deviation of test accuracy, in points.
    detect
        A difference that the study should show, in points; by default the margin.
    workers
        Runs at a time on this machine; 0 takes what a probe of the machine finds best.
    json
        Print one JSON object on stdout.
    """
    from foveal.study.planning import plan as make
    from foveal.study.worker_count import choose_worker_count

    workers = workers or choose_worker_count(config, None)
    with err.status("Taking a few steps of each variant"):
        planned = make(config, sd=sd, detect=detect, workers=workers)
    if json:
        print_json(asdict(planned))
        return
    for name, said in lines(planned):
        out.print(f"{name:<10}{escape(said)}", soft_wrap=True)


def lines(planned: Plan) -> list[tuple[str, str]]:
    """Return what is said of a plan, line by line."""
    many = planned.comparisons > 1
    shared = f", as {planned.comparisons} comparisons share the error rate of 5 %" if many else ""
    one_by_one = ", ".join(f"{v} {duration(s)}" for v, s in planned.seconds_by_variant.items())
    side_by_side = f" with {planned.workers} at a time" if planned.workers > 1 else ""
    sees = (
        f"with {planned.seeds} seeds a true difference of {planned.detectable:.2f} points is shown "
        "in 4 of 5 studies"
        if planned.detectable is not None
        else f"with {planned.seeds} seeds nothing is claimed: at least 3 are needed"
    )
    return [
        ("runs", f"{planned.runs}: {', '.join(planned.variants)}, {planned.seeds} seeds each"),
        ("time", f"about {duration(planned.seconds)}{side_by_side}; one run: {one_by_one}"),
        ("interval", f"{percent(1 - planned.alpha)} %{shared}"),
        ("sd", f"{planned.sd:g} points from run to run ({planned.sd_source})"),
        ("sees", sees),
        (
            "needs",
            f"{planned.seeds_needed} seeds to show {planned.detect:g} points in 4 of 5 studies",
        ),
    ]
