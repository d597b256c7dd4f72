"""Sequential studies: only the runs that the looks ask for, whatever trains them in which order."""

import shutil
from functools import partial
from pathlib import Path

import pytest
from pydantic import ValidationError

from foveal.analysis import compare_cell_variants
from foveal.errors import UsageError
from foveal.records import StudyRecord, read_study
from foveal.stats import plan_looks, run_sequential_test
from foveal.stats.sequential import MIN_MAX_SEEDS
from foveal.study import Study, StudyConfig, run_in_pool
from study.small_study import change, read_rows

CONFIG = change(
    data="study.bright_images:make_bright_images", train_size=None, test_size=None, crop=0,
    epochs=2, batch_size=16, learning_rate=0.05, attention="none,channel,spatial",
    seeds=5, until_decided=True, max_seeds=10, margin=20,
)  # fmt: skip
MARGIN = 0.2
TEST_IMAGES = 90


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the study, run in one process."""
    folder = tmp_path_factory.mktemp("sequential") / "study"
    Study.open(folder, CONFIG).run(with_extras=False)
    return folder


def count_runs(record: StudyRecord) -> dict[str, int]:
    return {variant: len(record.get_runs(variant)) for variant in record.variants}


def test_runs_are_those_that_the_looks_ask_for(finished: Path) -> None:
    record = read_study(finished)
    design = plan_looks(10, comparisons=2)
    stops = {}
    for variant in ("channel", "spatial"):
        accuracies = record.accuracies
        result = run_sequential_test(
            accuracies[variant],
            accuracies["none"],
            design=design,
            margin=MARGIN,
            test_images=TEST_IMAGES,
        )
        assert result.stop is not None
        stops[variant] = result.looks[-1].seeds
    assert count_runs(record) == {"none": max(stops.values()), **stops}


def test_verdicts_are_about_the_seeds_of_the_stop(finished: Path) -> None:
    for comparison in compare_cell_variants(read_study(finished)):
        assert comparison.sequential is not None
        assert comparison.sequential.stop is not None
        assert comparison.seeds == comparison.sequential.looks[-1].seeds
        assert comparison.interval == comparison.sequential.looks[-1].interval


def test_a_finished_study_trains_nothing(finished: Path) -> None:
    assert Study.open(finished, CONFIG).list_missing_runs() == []


def test_pool(finished: Path, tmp_path: Path) -> None:
    Study.open(tmp_path / "study", CONFIG).run(partial(run_in_pool, workers=2), with_extras=False)
    assert read_rows(tmp_path / "study") == read_rows(finished)


def test_shards_in_turns(finished: Path, tmp_path: Path) -> None:
    folder = tmp_path / "study"
    turns = 0
    while (study := Study.open(folder, CONFIG)).list_missing_runs():
        turns += 1
        study.run(shard=f"{1 + turns % 2}/2", with_extras=False)
        assert turns < 20
    assert turns > 1
    assert read_rows(folder) == read_rows(finished)


def test_a_lost_run_is_missed(finished: Path, tmp_path: Path) -> None:
    folder = tmp_path / "study"
    shutil.copytree(finished, folder)
    study = Study.open(folder, CONFIG)
    (lost,) = [
        run
        for run in study.list_runs()
        if (run.config.attention, run.config.seed) == ("channel", 3)
    ]
    shutil.rmtree(lost.folder)
    assert Study.open(folder, CONFIG).list_missing_runs() == [lost]


@pytest.mark.parametrize(
    ("options", "difference"),
    [
        ({"max_seeds": 12}, "looks"),
        ({"futility": False}, "stops_when_unlikely"),
        ({"attention": "none,channel"}, "variants"),
        ({"margin": 2}, "margin"),
        ({"until_decided": False}, "looks"),
    ],
)
def test_a_settled_design_is_not_changed(
    finished: Path, options: dict[str, object], difference: str
) -> None:
    config = StudyConfig(**(CONFIG.model_dump() | options))
    with pytest.raises(UsageError, match=rf"study with another config \({difference} is"):
        Study.open(finished, config)


def test_smallest_maximum_is_the_first_look() -> None:
    assert StudyConfig(max_seeds=MIN_MAX_SEEDS).max_seeds == MIN_MAX_SEEDS
    with pytest.raises(ValidationError, match=f"greater than or equal to {MIN_MAX_SEEDS}"):
        StudyConfig(max_seeds=MIN_MAX_SEEDS - 1)


def test_refusals(tmp_path: Path) -> None:
    for options, message in (
        ({"seeds": 7}, "Use --max-seeds in place of --seeds"),
        ({"attention": "channel,spatial"}, "`attention` should contain 'none'"),
    ):
        config = StudyConfig(**(CONFIG.model_dump() | options))
        with pytest.raises(UsageError, match=message):
            Study.open(tmp_path / "study", config)
    assert not (tmp_path / "study").exists()


def test_study_without_weights_is_moved_and_continued(tmp_path: Path) -> None:
    config = StudyConfig(**(CONFIG.model_dump() | {"until_decided": False, "seeds": 1}))
    Study.open(tmp_path / "study", config).run(with_extras=False, keep_weights=False)
    (tmp_path / "study").rename(tmp_path / "moved")
    more = StudyConfig(**(config.model_dump() | {"seeds": 2}))
    study = Study.open(tmp_path / "moved", more)
    assert study.quarantine_damaged_runs() == []
    assert {run.config.seed for run in study.list_missing_runs()} == {1}
    batches = list((tmp_path / "moved").glob("runs/*/training_batch.npz"))
    assert [path.parent.name.split("-seed")[0] for path in batches] == ["none"]
