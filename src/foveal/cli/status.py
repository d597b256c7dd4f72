"""`foveal status`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from foveal.cli.console import out, print_json
from foveal.cli.live_status import states_table, summary


def status(study: Path, *, json: Annotated[bool, Parameter(negative="")] = False) -> None:
    """Show how far a study is, from any terminal, while it runs or afterwards.

    Parameters
    ----------
    study
        The study folder.
    json
        Print one JSON object on stdout.
    """
    from foveal.study.status import count_states, estimate_seconds_left, read_study_states

    states = read_study_states(study)
    if json:
        runs = [
            {
                "variant": state.config.attention,
                "seed": state.config.seed,
                "run": state.folder.name,
                "state": state.state,
                "share": state.share,
            }
            for state in states
        ]
        print_json(
            {**count_states(states), "seconds_left": estimate_seconds_left(states), "runs": runs}
        )
        return
    out.print(states_table(states))
    out.print(summary(states))
