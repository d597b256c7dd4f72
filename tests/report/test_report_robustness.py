"""How variants bear worse images stands in the report as their runs left it."""

import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from foveal.analysis import collect_robustness_curves
from foveal.records import is_complete, write_extra
from foveal.records.manifest import write_manifest
from foveal.report.document import content_of
from report.test_report import TWO, page_of, write_fake_study

TEXT = "{http://www.w3.org/2000/svg}text"


def left(accuracy: float, *, images: int = 50) -> dict[str, np.ndarray[Any, Any]]:
    return {
        "images": np.array(images),
        "clean": np.array(accuracy),
        "condition": np.array(["occlusion", "occlusion", "blur"]),
        "severity": np.array([1, 2, 1]),
        "amount": np.array([0.1, 0.25, 3.0]),
        "accuracy": accuracy * np.array([0.9, 0.5, 0.8]),
    }


@pytest.fixture
def study(tmp_path: Path) -> Path:
    folder = write_fake_study(tmp_path / "study", TWO)
    for place, values in enumerate(TWO.values()):
        for seed, accuracy in enumerate(values):
            leave(folder / "runs" / f"{place}-{seed}", accuracy)
    return folder


def leave(run: Path, accuracy: float, **options: int) -> None:
    write_extra(run, "robustness", left(accuracy, **options))
    write_manifest(run)
    assert is_complete(run)


def test_curves_begin_with_the_images_as_they_are() -> None:
    found = collect_robustness_curves(
        [("none", left(0.7)), ("none", left(0.8)), ("series", left(0.6))]
    )
    assert found is not None
    assert list(found.curves) == ["occlusion", "blur"]
    curve = found.curves["occlusion"]["none"]
    assert curve.severity.tolist() == [0, 1, 2]
    np.testing.assert_allclose(curve.accuracy, [[0.7, 0.63, 0.35], [0.8, 0.72, 0.4]])
    assert (found.images, found.shares) == (50, (0.1, 0.25))


def test_of_other_images_or_without_a_run_there_are_none() -> None:
    assert collect_robustness_curves([]) is None
    assert collect_robustness_curves([("none", left(0.7)), ("series", None)]) is None
    assert (
        collect_robustness_curves([("none", left(0.7)), ("series", left(0.7, images=40))]) is None
    )


def test_the_page_has_every_condition_and_variant(study: Path) -> None:
    drawn = next(one for one in content_of(study).pictures if one.name == "robustness")
    words = {element.text for element in ET.fromstring(drawn.svg).iter(TEXT)}
    assert {"occlusion", "blur", "none", "channel"} <= words
    page = page_of(study)
    assert page.row("as they are") == ["as they are", "71.0", "80.5"]
    assert page.row("occlusion") == ["occlusion", "35.5", "40.2"]
    assert page.row("blur") == ["blur", "56.8", "64.4"]
    assert "Occlusion hides a window of 10 %, 25 %" in " ".join(page.text.split())


def test_what_is_missing_says_how_to_get_it(study: Path, tmp_path: Path) -> None:
    leave(study / "runs" / "1-0", 0.8, images=10)
    assert "A run has left no robustness, or that of other images" in page_of(study).text
    bare = write_fake_study(tmp_path / "bare", TWO)
    assert "A run has left no robustness" in page_of(bare).text
    assert "left no robustness." in page_of(bare / "runs" / "0-0").text
