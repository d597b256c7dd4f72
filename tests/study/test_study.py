"""A study trains what is missing, once, and ends with the same results after any interruption."""

import linecache
import os
import shutil
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from foveal import stats
from foveal.analysis import compare_cell_variants
from foveal.errors import UsageError
from foveal.records import read_study
from foveal.study import Progress, RunConfig, Study, run_in_process
from study.small_study import SMALL, STEPS_PER_RUN, change, read_rows


class RunCounter(Progress):
    """List of the variants and seeds of finished runs."""

    def __init__(self) -> None:
        self.runs: list[tuple[str, int]] = []

    def on_run_end(self, config: RunConfig) -> None:
        self.runs.append((config.attention, config.seed))


def test_table_has_one_row_per_run(uninterrupted: Path) -> None:
    rows = [(row["variant"], row["seed"]) for row in read_rows(uninterrupted)]
    assert rows == [("none", "0"), ("none", "1"), ("channel", "0"), ("channel", "1")]


def test_only_new_runs_are_trained(uninterrupted: Path, tmp_path: Path) -> None:
    folder = tmp_path / "study"
    shutil.copytree(uninterrupted, folder)
    repeated, more_seeds, other_variant = RunCounter(), RunCounter(), RunCounter()
    Study.open(folder, SMALL).run(partial(run_in_process, progress=repeated), with_extras=False)
    assert repeated.runs == []
    record = Study.open(folder, change(seeds=3)).run(
        partial(run_in_process, progress=more_seeds), with_extras=False
    )
    assert more_seeds.runs == [("none", 2), ("channel", 2)]
    assert record.design.planned_seeds == 2
    record = Study.open(folder, change(attention="none,spatial")).run(
        partial(run_in_process, progress=other_variant), with_extras=False
    )
    assert other_variant.runs == [("spatial", 0), ("spatial", 1)]
    assert record.variants == ("none", "channel", "spatial")
    assert read_rows(folder)[:2] == read_rows(uninterrupted)[:2]


def test_comparison_equals_that_of_stats(uninterrupted: Path) -> None:
    record = read_study(uninterrupted)
    accuracies = {
        variant: [run.results["test_accuracy"] for run in record.get_runs(variant)]
        for variant in ("none", "channel")
    }
    predictions = {
        variant: [run.predictions["predicted"] for run in record.get_runs(variant)]
        for variant in accuracies
    }
    labels = record.runs[0].predictions["labels"]
    expected = stats.compare_variants(
        accuracies,
        correctness=record.correctness,
        names_one_class={
            variant: [len(set(predicted.tolist())) == 1 for predicted in runs]
            for variant, runs in predictions.items()
        },
        guessing_accuracy=max(np.bincount(labels).tolist()) / len(labels),
        planned_seeds=2,
        comparisons=1,
    )
    assert repr(compare_cell_variants(record)) == repr(expected)


def test_refuses_another_config_with_its_difference(uninterrupted: Path) -> None:
    with pytest.raises(UsageError, match="epochs is 2 there and 4 here"):
        Study.open(uninterrupted, change(epochs=4))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"attention": "none,cbma"}, "Did you mean 'cbam'"),
        ({"attention": "none,none"}, "'none' and 'none' are the same"),
        ({"attention": "none,cbam:reducton=2"}, "Did you mean 'reduction'"),
        ({"attention": "none,cbam:reduction=0"}, "Parameter `reduction` should be"),
        ({"data": "no/such/folder"}, "no file or folder"),
    ],
    ids=str,
)
def test_impossible_request_writes_nothing(
    tmp_path: Path, options: dict[str, object], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        Study.open(tmp_path / "study", change(**options))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("attention", "canonical"),
    [("series,cbam", "cbam"), ("cbam,cbam:reduction=16", "cbam"), ("BAM,parallel", "bam")],
)
def test_refuses_two_names_of_one_variant(tmp_path: Path, attention: str, canonical: str) -> None:
    first, second = attention.split(",")
    message = rf"'{first}' and '{second}' are the same \('{canonical}'\)"
    with pytest.raises(UsageError, match=message):
        Study.open(tmp_path / "study", change(attention=f"none,{attention}"))


def test_spellings_of_a_variant_are_one_run(tmp_path: Path) -> None:
    folders = [
        Study.open(tmp_path / str(index), change(attention=attention)).list_runs()
        for index, attention in enumerate(("none,cbam", "none,CBAM", "none,series:reduction=16"))
    ]
    names = [[run.folder.name for run in runs] for runs in folders]
    assert names[0] == names[1] == names[2]
    assert [run.config.attention for run in folders[1]] == ["none", "cbam"] * 2


def test_runs_of_other_designs_are_not_counted(uninterrupted: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(uninterrupted, tmp_path / "study"))
    first = next((folder / "runs").iterdir())
    shutil.copytree(first, first.with_name("a-copy"))
    Study.open(tmp_path / "other", change(epochs=1, seeds=1)).run(with_extras=False)
    for other in (tmp_path / "other" / "runs").iterdir():
        shutil.copytree(other, folder / "runs" / other.name)
    (folder / "runs" / ".DS_Store").write_text("")
    assert len(read_study(folder).runs) == 4


def test_margin_is_kept_until_another_is_given(uninterrupted: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(uninterrupted, tmp_path / "study"))
    assert read_study(folder).design.margin == 0.5
    Study.open(folder, change(margin=2))
    Study.open(folder, SMALL)
    design = read_study(folder).design
    assert (design.margin, design.planned_margin) == (2, 0.5)


def test_error_of_a_user_network_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = "def net(num_classes):\n    raise RuntimeError('no [/b]')\n"
    (tmp_path / "bad_of_a_test.py").write_text(code)
    monkeypatch.chdir(tmp_path)
    message = r"cannot be built with none \(RuntimeError: no \[/b\]\)"
    with pytest.raises(UsageError, match=message):
        Study.open(tmp_path / "study", change(model="bad_of_a_test:net"))


def test_refuses_changed_code_of_a_user_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    source = tmp_path / "net_of_a_test.py"
    source.write_text(
        "from foveal.models import ConvNet\n\ndef make(num_classes):\n    return ConvNet()\n"
    )
    config = change(model="net_of_a_test:make")
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
from foveal.study import Progress, Study, StudyConfig, run_in_process

class Kill(Progress):
    steps = 0
    def on_step(self, step, steps):
        self.steps += 1
        if self.steps == int(sys.argv[3]):
            os.kill(os.getpid(), signal.SIGKILL)

study = Study.open(Path(sys.argv[1]), StudyConfig.model_validate_json(sys.argv[2]))
study.run(partial(run_in_process, progress=Kill()), with_extras=False)
"""


# In the first epoch of the first run, between its epochs, and in the middle of the third run.
@pytest.mark.parametrize("steps", [2, 6, 21])
def test_killed_study_ends_with_the_same_results(
    uninterrupted: Path, tmp_path: Path, steps: int
) -> None:
    folder = tmp_path / "study"
    arguments = [str(folder), SMALL.model_dump_json(), str(steps)]
    killed = subprocess.run([sys.executable, "-c", KILLED, *arguments], env=os.environ, check=False)
    assert killed.returncode == -signal.SIGKILL
    finished = [path for path in (folder / "runs").iterdir() if path.suffix != ".partial"]
    assert len(finished) == steps // STEPS_PER_RUN
    counter = RunCounter()
    Study.open(folder, SMALL).run(partial(run_in_process, progress=counter), with_extras=False)
    assert len(counter.runs) == 4 - len(finished)
    assert read_rows(folder) == read_rows(uninterrupted)
