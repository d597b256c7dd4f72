"""The robustness section shows the accuracies that the runs have stored."""

from pathlib import Path

from foveal.records import is_complete
from foveal.report.document import build_document
from report.fake_records import TWO_VARIANTS, make_robustness, store_extras, write_fake_study
from report.report_page import read_report


def test_shows_every_condition_and_variant(tmp_path: Path) -> None:
    study = write_fake_study(tmp_path / "study", TWO_VARIANTS)
    for index, values in enumerate(TWO_VARIANTS.values()):
        for seed, accuracy in enumerate(values):
            run = study / "runs" / f"{index}-{seed}"
            store_extras(run, robustness=make_robustness(accuracy))
            assert is_complete(run)
    descriptions = {each.name: each.description for each in build_document(study).figures}
    assert (
        descriptions["robustness-occlusion"] == "part hidden: channel 80 to 40 %; none 71 to 36 %"
    )
    assert descriptions["robustness-blur"] == "blur: channel 80 to 64 %; none 71 to 57 %"
    page = read_report(study)
    assert page.find_row("original images") == ["original images", "71.0", "80.5"]
    assert page.find_row("part hidden") == ["part hidden", "35.5", "40.3"]
    assert page.find_row("blur") == ["blur", "56.8", "64.4"]
    assert "Hidden parts are 10, 25 % of the image." in " ".join(page.text.split())
    store_extras(study / "runs" / "1-0", robustness=make_robustness(0.8, images=10))
    assert (
        "not stored robustness curves, or was measured on other images" in read_report(study).text
    )


def test_missing_curves_are_reported(tmp_path: Path) -> None:
    study = write_fake_study(tmp_path / "study", {"none": [0.7]})
    assert "At least one run has not stored robustness curves" in read_report(study).text
    assert "not stored robustness curves." in read_report(study / "runs" / "0-0").text
