"""Studies in a notebook: data frames, short HTML, and progress in plain lines."""

from functools import partial
from pathlib import Path

import pandas as pd
import pytest

from foveal.errors import UsageError
from foveal.records import read_study
from foveal.study import LineProgress, RunConfig, Study, run_in_process
from foveal.training import EpochMetrics
from report.fake_records import ACCURACIES, write_fake_study


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return Study.load(write_fake_study(tmp_path_factory.mktemp("notebook") / "<b>", ACCURACIES))


def test_results_are_those_of_the_table(study: Study) -> None:
    study.write_results()
    pd.testing.assert_frame_equal(
        study.results(), pd.read_csv(study.folder / "results.csv"), check_dtype=False
    )


def test_verdicts_follow_from_the_accuracies(study: Study) -> None:
    frame = study.verdicts().set_index("variant")
    means = study.results().groupby("variant")["test_accuracy"].mean()
    assert set(frame.index) == set(ACCURACIES) - {"none"}
    for variant, row in frame.iterrows():
        assert row["difference"] == pytest.approx(means[variant] - means["none"])
        assert (row["verdict"] == "better") == (
            row["interval_low"] > 0 and not row["interval_high"] < row["margin"]
        )


def test_html_is_short_and_escaped(study: Study) -> None:
    html = study._repr_html_()
    assert len(html) < 3000
    assert "<b>" not in html
    assert "&lt;b&gt;" in html
    for variant in ACCURACIES:
        assert f">{variant}</td>" in html


def test_a_folder_without_runs_or_without_a_study(study: Study, tmp_path: Path) -> None:
    (tmp_path / "study.toml").write_bytes((study.folder / "study.toml").read_bytes())
    assert "no finished run yet" in Study.load(tmp_path)._repr_html_()
    assert len(Study.load(tmp_path).verdicts()) == 0
    with pytest.raises(UsageError):
        Study.load(tmp_path / "gone")
    assert read_study(tmp_path).runs == ()


def test_progress_is_one_plain_line_per_epoch(capsys: pytest.CaptureFixture[str]) -> None:
    progress = LineProgress()
    progress.on_run_start(RunConfig(attention="cbam", seed=3, epochs=2))
    progress.on_epoch(EpochMetrics(1, 0.1, 2.0, 0.25, 1.9, 0.5, 3.25))
    assert capsys.readouterr().out == (
        "cbam, seed 3, epoch 1 of 2: training accuracy 25.0%, test accuracy 50.0%, 3.2 s\n"
    )
    assert list(partial(run_in_process, progress=progress)(list)) == []
