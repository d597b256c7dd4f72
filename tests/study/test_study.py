"""A study trains what is missing, once, and ends the same whatever befell it."""

import linecache
import os
import shutil
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from foveal import stats
from foveal.analysis import compare_with_baseline
from foveal.errors import UsageError
from foveal.records import read_study
from foveal.study import RunConfig, Study, run_in_process
from foveal.study.progress import Progress
from study.small_study import SMALL, changed, rows


class Count(Progress):
    def __init__(self) -> None:
        self.runs: list[tuple[str, int]] = []

    def on_run_end(self, config: RunConfig) -> None:
        self.runs.append((config.attention, config.seed))


def test_table_has_a_row_a_run(unbroken: Path) -> None:
    found = [(row["variant"], row["seed"]) for row in rows(unbroken)]
    assert found == [("none", "0"), ("none", "1"), ("channel", "0"), ("channel", "1")]


def test_what_is_there_is_not_run_again_and_what_is_new_is(unbroken: Path, tmp_path: Path) -> None:
    folder = tmp_path / "study"
    shutil.copytree(unbroken, folder)
    again, more, other = Count(), Count(), Count()
    Study.open(folder, SMALL).run(partial(run_in_process, progress=again))
    assert again.runs == []
    record = Study.open(folder, changed(seeds=3)).run(partial(run_in_process, progress=more))
    assert more.runs == [("none", 2), ("channel", 2)]
    assert record.design.planned_seeds == 2
    record = Study.open(folder, changed(attention="none,spatial")).run(
        partial(run_in_process, progress=other)
    )
    assert other.runs == [("spatial", 0), ("spatial", 1)]
    assert record.variants == ("none", "channel", "spatial")
    assert rows(folder)[:2] == rows(unbroken)[:2]


def test_comparison_is_that_of_stats(unbroken: Path) -> None:
    record = read_study(unbroken)
    accuracies = {
        variant: [run.results["test_accuracy"] for run in record.get_runs(variant)]
        for variant in ("none", "channel")
    }
    expected = stats.compare_variants(
        accuracies, correctness=record.correctness, planned_seeds=2, comparisons=1
    )
    assert repr(compare_with_baseline(record)) == repr(expected)


def test_another_setting_is_refused_with_its_difference(unbroken: Path) -> None:
    with pytest.raises(UsageError, match="epochs is 2 there and 4 here"):
        Study.open(unbroken, changed(epochs=4))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"attention": "none,cbma"}, "Did you mean 'cbam'"),
        ({"attention": "none,none"}, "more than once"),
        ({"attention": "none,cbam:reducton=2"}, "Did you mean 'reduction'"),
        ({"attention": "none,cbam:reduction=0"}, "Parameter `reduction` should be"),
        ({"data": "no/such/folder"}, "no file or folder"),
    ],
    ids=str,
)
def test_what_cannot_be_met_leaves_nothing(
    tmp_path: Path, options: dict[str, object], said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        Study.open(tmp_path / "study", changed(**options))
    assert list(tmp_path.iterdir()) == []


def test_what_is_not_of_the_design_is_not_counted(unbroken: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(unbroken, tmp_path / "study"))
    first = next((folder / "runs").iterdir())
    shutil.copytree(first, first.with_name("a-copy"))
    Study.open(tmp_path / "other", changed(epochs=1)).run()
    for other in (tmp_path / "other" / "runs").iterdir():
        shutil.copytree(other, folder / "runs" / other.name)
    (folder / "runs" / ".DS_Store").write_text("")
    assert len(read_study(folder).runs) == 4


def test_a_margin_is_kept_until_another_is_given(unbroken: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(unbroken, tmp_path / "study"))
    assert read_study(folder).design.margin == 0.5
    Study.open(folder, changed(margin=2))
    Study.open(folder, SMALL)
    design = read_study(folder).design
    assert (design.margin, design.planned_margin) == (2, 0.5)


def test_a_network_that_cannot_be_built_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = "def net(num_classes):\n    raise RuntimeError('no [/b]')\n"
    (tmp_path / "bad_of_a_test.py").write_text(code)
    monkeypatch.chdir(tmp_path)
    said = r"cannot be built with none \(RuntimeError: no \[/b\]\)"
    with pytest.raises(UsageError, match=said):
        Study.open(tmp_path / "study", changed(model="bad_of_a_test:net"))


def test_code_that_was_changed_is_another_study(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    source = tmp_path / "net_of_a_test.py"
    source.write_text(
        "from foveal.models import ConvNet\n\ndef make(num_classes):\n    return ConvNet()\n"
    )
    config = changed(model="net_of_a_test:make")
    Study.open(tmp_path / "study", config)
    Study.open(tmp_path / "study", config)
    source.write_text(source.read_text() + "# another\n")
    linecache.checkcache()
    with pytest.raises(UsageError, match="model_checksum is"):
        Study.open(tmp_path / "study", config)


KILLED = """
import os, signal, sys
from pathlib import Path
from functools import partial
from foveal.study import Study, StudyConfig, run_in_process
from foveal.study.progress import Progress

class Kill(Progress):
    steps = 0
    def on_step(self, done, steps):
        self.steps += 1
        if self.steps == int(sys.argv[3]):
            os.kill(os.getpid(), signal.SIGKILL)

study = Study.open(Path(sys.argv[1]), StudyConfig.model_validate_json(sys.argv[2]))
study.run(partial(run_in_process, progress=Kill()))
"""


# In the first epoch of the first run, between its epochs, and in the middle of the third run.
@pytest.mark.parametrize("steps", [2, 6, 21])
def test_a_killed_study_ends_like_an_unbroken_one(
    unbroken: Path, tmp_path: Path, steps: int
) -> None:
    folder = tmp_path / "study"
    arguments = [str(folder), SMALL.model_dump_json(), str(steps)]
    killed = subprocess.run([sys.executable, "-c", KILLED, *arguments], env=os.environ, check=False)
    assert killed.returncode == -signal.SIGKILL
    finished = [path for path in (folder / "runs").iterdir() if path.suffix != ".partial"]
    assert len(finished) == steps // 8
    count = Count()
    Study.open(folder, SMALL).run(partial(run_in_process, progress=count))
    assert len(count.runs) == 4 - len(finished)
    assert rows(folder) == rows(unbroken)
