"""Fixtures of the study tests."""

from pathlib import Path

import pytest

from foveal.study import Study
from study.small_study import SMALL


@pytest.fixture(scope="session")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished study without extras, trained once. Tests that change it work on a copy."""
    folder = tmp_path_factory.mktemp("studies") / "uninterrupted"
    Study.open(folder, SMALL).run(with_extras=False)
    return folder
