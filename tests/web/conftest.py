"""A small trained study of five variants, and the application that serves it."""

from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from foveal.study import Study
from foveal.training import Numerics, resolve_numerics
from foveal.web.loaded_study import LoadedStudy, load_study
from foveal.web.worker import Worker
from study.small_study import change
from web.api_client import VARIANTS, make_client


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a study, trained once for all tests of the page."""
    folder = tmp_path_factory.mktemp("serve") / "study"
    scenes = "scenes:clutter=0:object_size=0.6"
    config = change(attention=",".join(VARIANTS), data=scenes, train_size=64, epochs=1, seeds=1)
    Study.open(folder, config).run(with_extras=False)
    return folder


@pytest.fixture(scope="session")
def study(folder: Path) -> LoadedStudy:
    return load_study(folder, device="cpu")


@pytest.fixture(scope="session")
def worker() -> Worker:
    return Worker(resolve_numerics(Numerics(device="cpu", threads=1, dtype="float32")))


@pytest.fixture
def client(study: LoadedStudy, worker: Worker) -> TestClient:
    return make_client(study, worker)


@pytest.fixture(scope="session")
def report_response(folder: Path, study: LoadedStudy, worker: Worker) -> Any:
    """Return the response of `/report`, rendered once, and check that rendering writes no file."""
    before = sorted(folder.rglob("*"))
    response = make_client(study, worker).get("/report")
    assert sorted(folder.rglob("*")) == before
    return response
