"""The robustness section shows the accuracies that the runs have stored."""

import xml.etree.ElementTree as ET
from pathlib import Path

from foveal.records import is_complete
from foveal.report.document import build_document
from report.fake_records import TWO_VARIANTS, make_robustness, store_extras, write_fake_study
from report.report_page import read_report

SVG_TEXT = "{http://www.w3.org/2000/svg}text"


def test_shows_every_condition_and_variant(tmp_path: Path) -> None:
    study = write_fake_study(tmp_path / "study", TWO_VARIANTS)
    for index, values in enumerate(TWO_VARIANTS.values()):
        for seed, accuracy in enumerate(values):
            run = study / "runs" / f"{index}-{seed}"
            store_extras(run, robustness=make_robustness(accuracy))
            assert is_complete(run)
    block = next(each for each in build_document(study).figures if each.name == "robustness")
    texts = {element.text for element in ET.fromstring(block.svg).iter(SVG_TEXT)}
    assert {"occlusion", "blur", "none", "channel"} <= texts
    page = read_report(study)
    assert page.find_row("original images") == ["original images", "71.0", "80.5"]
    assert page.find_row("occlusion") == ["occlusion", "35.5", "40.2"]
    assert page.find_row("blur") == ["blur", "56.8", "64.4"]
    assert "Occlusion hides a window of 10 %, 25 %" in " ".join(page.text.split())
    store_extras(study / "runs" / "1-0", robustness=make_robustness(0.8, images=10))
    assert (
        "not stored robustness curves, or was measured on other images" in read_report(study).text
    )


def test_missing_curves_are_reported(tmp_path: Path) -> None:
    study = write_fake_study(tmp_path / "study", {"none": [0.7]})
    assert "At least one run has not stored robustness curves" in read_report(study).text
    assert "not stored robustness curves." in read_report(study / "runs" / "0-0").text
