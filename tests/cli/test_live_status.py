"""Status table of a study, as `ablate` shows it on a terminal and `status` prints it."""

import io
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.text import Text

from foveal.cli.live_status import list_status_lines, make_status_table
from foveal.records import RunProgress
from foveal.study import RunConfig
from foveal.study.status import RunState

RUN = RunConfig(attention="none", epochs=10)
COMPLETE = RunState(RUN, Path("run"), "complete", 1.0, 30.0, 0.0, 0.885)
PROGRESS = RunProgress(45, 100, 16.5, "here", 1, 0.0, 0.3, 0.712, 0.699)
RUNNING = RunState(RUN, Path("run"), "running", 0.45, None, 16.5, progress=PROGRESS)
MISSING = RunState(RUN, Path("run"), "missing")


def change(state: RunState, variant: str, seed: int, accuracy: float | None = None) -> RunState:
    """Return a state of another run."""
    config = RUN.model_copy(update={"attention": variant, "seed": seed})
    accuracy = state.accuracy if accuracy is None else accuracy
    return replace(state, config=config, accuracy=accuracy)


STATES = [
    change(COMPLETE, "none", 0),
    change(COMPLETE, "cbam:reduction=8", 0),
    change(COMPLETE, "none", 1, 0.891),
    change(RUNNING, "cbam:reduction=8", 1),
    change(MISSING, "none", 2),
    change(MISSING, "cbam:reduction=8", 2),
]


def print_rows(states: list[RunState]) -> list[list[str]]:
    """Return the words of each row of the table."""
    file = io.StringIO()
    Console(file=file, width=80).print(make_status_table(states))
    lines = [line.split() for line in file.getvalue().splitlines()]
    return [words for words in lines if words and words[0] in {"none", "cbam:reduction=8"}]


def test_table_has_accuracies_and_the_mean_from_two_runs_on() -> None:
    first, second = print_rows(STATES)
    assert first == ["none", "88.5", "89.1", "-", "2/3", "88.80", "±", "0.42"]
    assert second == ["cbam:reduction=8", "88.5", "45%", "-", "1/3"]


def test_running_run_has_epoch_accuracies_and_step_time() -> None:
    lines = [Text.from_markup(line).plain for line in list_status_lines(STATES)]
    assert lines == [
        "cbam:reduction=8, seed 1: epoch 5 of 10, train 71.2%, test 69.9%, 300 ms a step",
        "3 complete, 1 running, 2 missing; about 1 min left",
    ]
    begun = replace(STATES[3], share=0.0, progress=replace(PROGRESS, train_accuracy=None,
                    test_accuracy=None, step_seconds=None))  # fmt: skip
    (line, _) = (Text.from_markup(line).plain for line in list_status_lines([begun]))
    assert line == "cbam:reduction=8, seed 1: epoch 1 of 10"
