"""Status of a study, read from its folder only."""

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from foveal.atomic import get_partial_path
from foveal.errors import UsageError
from foveal.records import RunProgress, read_progress, write_progress
from foveal.study import Progress, RunConfig, Study, run
from foveal.study.status import (
    RunState,
    count_states,
    estimate_seconds_left,
    read_study_states,
)
from study.small_study import SMALL, STEPS_PER_RUN, change


def test_states_of_runs(uninterrupted: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(uninterrupted, tmp_path / "study"))
    Study.open(folder, change(seeds=3))
    first, second, *_, last = [state.folder for state in read_study_states(folder)]
    first.rename(get_partial_path(first))
    write_progress(get_partial_path(first), step=3, steps=8, seconds_left=10.0)
    second.rename(get_partial_path(second))
    (last.parent / last.name).mkdir()
    states = {state.folder: state for state in read_study_states(folder)}
    assert count_states(list(states.values())) == {
        "complete": 2, "running": 1, "interrupted": 1, "missing": 2,
    }  # fmt: skip
    assert states[first].state == "running"
    assert states[first].share == 3 / 8
    assert states[second].state == "interrupted"
    assert states[last].state == "missing"


def test_run_without_a_living_process_is_interrupted(tmp_path: Path) -> None:
    write_progress(tmp_path, step=1, steps=2, seconds_left=None)
    progress = read_progress(tmp_path)
    assert progress is not None
    assert progress.is_alive
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    assert not replace(progress, process_id=ended.pid).is_alive
    elsewhere = replace(progress, process_id=ended.pid, machine="another")
    assert elsewhere.is_alive
    assert not replace(elsewhere, written_at=progress.written_at - 3600).is_alive


def test_run_writes_its_progress(tmp_path: Path) -> None:
    options = SMALL.model_dump(include=set(RunConfig.model_fields))
    config = RunConfig(**options | {"attention": "none", "epochs": 1})
    written: list[RunProgress | None] = []

    class Reader(Progress):
        def on_step(self, step: int, steps: int) -> None:
            written.append(read_progress(tmp_path / "run.partial"))

    run(config, tmp_path / "run", progress=Reader(), with_extras=False)
    assert all(progress is not None for progress in written)
    assert written[0]
    assert (written[0].step, written[0].steps) == (1, STEPS_PER_RUN // 2)
    assert not (tmp_path / "run" / "progress.json").exists()


def make_state(
    variant: str,
    state: str,
    *,
    seconds: float | None = None,
    left: float | None = None,
    share: float = 0.0,
) -> RunState:
    config = RunConfig(attention=variant)
    return RunState(config, Path("run"), state, share, seconds, left)  # type: ignore[arg-type]


def test_time_left() -> None:
    done = [make_state("none", "complete", seconds=seconds) for seconds in (10.0, 30.0, 11.0)]
    cbam = make_state("cbam", "complete", seconds=40.0)
    assert estimate_seconds_left([*done, cbam]) == 0
    assert estimate_seconds_left([*done, make_state("none", "missing")]) == 11
    assert estimate_seconds_left([*done, cbam, make_state("cbam", "missing")]) == 40
    assert estimate_seconds_left([*done, make_state("eca", "missing")]) == 11  # of all runs
    assert estimate_seconds_left([*done, make_state("none", "interrupted", share=0.5)]) == 5.5
    running = make_state("eca", "running", share=0.75, left=5.0)
    assert estimate_seconds_left([*done, running]) == 5
    assert estimate_seconds_left([*done, running, make_state("eca", "missing")]) == 25
    missing = make_state("none", "missing")
    assert estimate_seconds_left([running, running, missing]) == 15  # two processes
    assert estimate_seconds_left([missing]) is None


def test_refuses_a_folder_without_a_study(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not a study"):
        read_study_states(tmp_path)
