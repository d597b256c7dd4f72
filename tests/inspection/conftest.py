"""A trained study with extras, shared by the tests of this room."""

from pathlib import Path

import pytest

from foveal.data import ImageData
from foveal.inspection import TrainedRun, find_trained_runs, load_shared_images
from foveal.study import Study
from study.small_study import change


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("explained") / "study"
    Study.open(folder, change(attention="none,cbam", test_size=100)).run()
    return folder


@pytest.fixture(scope="session")
def runs(folder: Path) -> list[TrainedRun]:
    """Two seeds of `none`, then two seeds of `cbam`."""
    return find_trained_runs([folder])


@pytest.fixture(scope="session")
def data(runs: list[TrainedRun]) -> ImageData:
    return load_shared_images(runs)
