"""The command `foveal status`."""

from __future__ import annotations

from pathlib import Path

from foveal.cli.console import print_json, stdout
from foveal.cli.options import JsonFlag


def status(study: Path, *, json: JsonFlag = False) -> None:
    """Show the progress of a study.

    The command reads the study folder, so it works from any terminal, during the runs or afterwards.

    Parameters
    ----------
    study
        The study folder.
    """
    from foveal.cli.live_status import list_look_lines, list_status_lines, make_status_table
    from foveal.records import read_design, read_study
    from foveal.study.status import count_states, estimate_seconds_left, read_study_states

    record = read_study(study) if read_design(study).looks else None
    states = read_study_states(study, record)
    if json:
        runs = [
            {
                "variant": state.config.attention,
                "seed": state.config.seed,
                "run": state.folder.name,
                "state": state.state,
                "progress": state.share,
                "test_accuracy": state.accuracy,
            }
            for state in states
        ]
        print_json(
            {**count_states(states), "seconds_left": estimate_seconds_left(states), "runs": runs}
        )
        return
    stdout.print(make_status_table(states))
    for line in list_look_lines(record) if record else ():
        stdout.print(line)
    for line in list_status_lines(states):
        stdout.print(line)
