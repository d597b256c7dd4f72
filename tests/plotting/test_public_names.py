"""Public names of the plotting package, which are imported on first use."""

import pytest

import foveal.plotting


@pytest.mark.parametrize("name", foveal.plotting.__all__)
def test_public_name_can_be_imported(name: str) -> None:
    assert getattr(foveal.plotting, name) is not None
