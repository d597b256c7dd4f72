"""One study of five variants, small enough to train here, and its page."""

from pathlib import Path

import pytest
from starlette.testclient import TestClient

from foveal.study import Study
from foveal.training import Numerics, resolve_numerics
from foveal.web.app import page_app
from foveal.web.loaded_study import Served, served_from
from foveal.web.worker import Worker
from study.small_study import changed

PORT = 8000
VARIANTS = ("none", "channel", "spatial", "parallel", "series")


@pytest.fixture(scope="session")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("serve") / "study"
    scenes = "scenes:clutter=0:object_size=0.6"
    config = changed(attention=",".join(VARIANTS), data=scenes, train_size=64, epochs=1, seeds=1)
    Study.open(folder, config).run(with_extras=False)
    return folder


@pytest.fixture(scope="session")
def served(study: Path) -> Served:
    return served_from(study, device="cpu")


@pytest.fixture(scope="session")
def worker() -> Worker:
    return Worker(resolve_numerics(Numerics(device="cpu", threads=1, dtype="float32")))


@pytest.fixture
def client(served: Served, worker: Worker) -> TestClient:
    return client_of(served, worker)


def client_of(served: Served, worker: Worker, *, raising: bool = True) -> TestClient:
    """Return a client that speaks to the page as a browser on this machine does."""
    app = page_app(served, worker, port=PORT)
    return TestClient(app, base_url=f"http://127.0.0.1:{PORT}", raise_server_exceptions=raising)
