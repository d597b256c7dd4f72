"""Public names of the report package."""

import foveal.report


def test_public_names_are_fixed() -> None:
    assert set(foveal.report.__all__) == {"Report", "write_comparison", "write_report"}
