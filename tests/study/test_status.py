"""How far a study is, from its folder alone."""

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from foveal.errors import UsageError
from foveal.records import get_partial_path, read_progress, write_progress
from foveal.study import Progress, Study, run
from foveal.study.config import RunConfig
from foveal.study.status import RunState, count_states, estimate_seconds_left, read_study_states
from study.small_study import SMALL, changed


def test_every_state(unbroken: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(unbroken, tmp_path / "study"))
    Study.open(folder, changed(seeds=3))
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


def test_a_run_whose_process_is_gone_is_interrupted(tmp_path: Path) -> None:
    write_progress(tmp_path, step=1, steps=2, seconds_left=None)
    progress = read_progress(tmp_path)
    assert progress is not None
    assert progress.is_alive
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    assert not replace(progress, process_id=gone.pid).is_alive
    elsewhere = replace(progress, process_id=gone.pid, machine="another")
    assert elsewhere.is_alive
    assert not replace(elsewhere, written_at=progress.written_at - 3600).is_alive


def test_a_run_says_how_far_it_is(tmp_path: Path) -> None:
    config = RunConfig(
        **SMALL.model_dump(include=set(RunConfig.model_fields)) | {"attention": "none"}
    )
    seen = []

    class Look(Progress):
        def on_step(self, done: int, steps: int) -> None:
            seen.append(read_progress(tmp_path / "run.partial"))

    run(config, tmp_path / "run", progress=Look())
    assert all(progress is not None for progress in seen)
    assert (seen[0].step, seen[0].steps) == (1, 8) if seen[0] else False
    assert not (tmp_path / "run" / "progress.json").exists()


def state(variant: str, word: str, *, seconds: float | None = None, left: float | None = None,
          share: float = 0.0) -> RunState:  # fmt: skip
    config = RunConfig(attention=variant)
    return RunState(config, Path("run"), word, share, seconds, left)  # type: ignore[arg-type]


def test_time_left() -> None:
    done = [state("none", "complete", seconds=s) for s in (10.0, 30.0, 11.0)]
    cbam = state("cbam", "complete", seconds=40.0)
    assert estimate_seconds_left([*done, cbam]) == 0
    assert estimate_seconds_left([*done, state("none", "missing")]) == 11
    assert estimate_seconds_left([*done, cbam, state("cbam", "missing")]) == 40
    assert (
        estimate_seconds_left([*done, state("eca", "missing")]) == 11
    )  # nothing is known of its own kind
    assert estimate_seconds_left([*done, state("none", "interrupted", share=0.5)]) == 5.5
    running = state("eca", "running", share=0.75, left=5.0)
    assert estimate_seconds_left([*done, running]) == 5
    assert estimate_seconds_left([*done, running, state("eca", "missing")]) == 25
    assert (
        estimate_seconds_left([running, running, state("none", "missing")]) == 15
    )  # two are at work
    assert estimate_seconds_left([state("none", "missing")]) is None


def test_no_study(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not a study"):
        read_study_states(tmp_path)
