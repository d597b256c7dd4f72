"""One study that nothing has disturbed, for all tests that compare with it."""

from pathlib import Path

import pytest

from foveal.study import Study
from study.small_study import SMALL


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("studies") / "unbroken"
    Study.open(folder, SMALL).run()
    return folder
