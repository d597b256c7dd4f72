"""A study trains what is missing, once, and ends the same whatever befell it."""

import csv
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from foveal import stats
from foveal.errors import UsageError
from foveal.records import read_study
from foveal.study import RunConfig, Study, StudyConfig, comparisons
from foveal.study.progress import Progress

SMALL = StudyConfig(
    data="scenes", train_size=120, test_size=60, epochs=2, batch_size=32, attention="none,channel",
    seeds=2, device="cpu", threads=1, dtype="float32",
)  # fmt: skip


class Count(Progress):
    def __init__(self) -> None:
        self.runs: list[tuple[str, int]] = []

    def end_run(self, config: RunConfig) -> None:
        self.runs.append((config.attention, config.seed))


def changed(**options: object) -> StudyConfig:
    return SMALL.model_copy(update=options)


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "results.csv").open() as file:
        table = list(csv.DictReader(file))
    return [{k: v for k, v in row.items() if not k.startswith(("time_", "date_"))} for row in table]


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("studies") / "unbroken"
    Study.open(folder, SMALL).run()
    return folder


def test_table_has_a_row_a_run(unbroken: Path) -> None:
    found = [(row["variant"], row["seed"]) for row in rows(unbroken)]
    assert found == [("none", "0"), ("none", "1"), ("channel", "0"), ("channel", "1")]


def test_what_is_there_is_not_run_again_and_what_is_new_is(unbroken: Path, tmp_path: Path) -> None:
    import shutil

    folder = tmp_path / "study"
    shutil.copytree(unbroken, folder)
    again, more, other = Count(), Count(), Count()
    Study.open(folder, SMALL).run(again)
    assert again.runs == []
    record = Study.open(folder, changed(seeds=3)).run(more)
    assert more.runs == [("none", 2), ("channel", 2)]
    assert record.config["planned_seeds"] == 2
    record = Study.open(folder, changed(attention="none,spatial")).run(other)
    assert other.runs == [("spatial", 0), ("spatial", 1)]
    assert record.variants == ("none", "channel", "spatial")
    assert rows(folder)[:2] == rows(unbroken)[:2]


def test_comparison_is_that_of_stats(unbroken: Path) -> None:
    record = read_study(unbroken)
    accuracies = {
        variant: [run.results["test_accuracy"] for run in record.runs_of(variant)]
        for variant in ("none", "channel")
    }
    assert repr(comparisons(record)) == repr(stats.compare_variants(accuracies))


def test_another_setting_is_refused_with_its_difference(unbroken: Path) -> None:
    with pytest.raises(UsageError, match="epochs is 2 there and 4 here"):
        Study.open(unbroken, changed(epochs=4))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"attention": "none,sereis"}, "Did you mean 'series'"),
        ({"attention": "none,none"}, "more than once"),
        ({"attention": "none,series:reducton=2"}, "Did you mean 'reduction'"),
        ({"attention": "none,series:reduction=0"}, "Parameter `reduction` should be"),
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


KILLED = """
import os, signal, sys
from pathlib import Path
from foveal.study import Study, StudyConfig
from foveal.study.progress import Progress

class Kill(Progress):
    steps = 0
    def step(self, done, steps):
        self.steps += 1
        if self.steps == int(sys.argv[3]):
            os.kill(os.getpid(), signal.SIGKILL)

Study.open(Path(sys.argv[1]), StudyConfig.model_validate_json(sys.argv[2])).run(Kill())
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
    Study.open(folder, SMALL).run(count)
    assert len(count.runs) == 4 - len(finished)
    assert rows(folder) == rows(unbroken)
