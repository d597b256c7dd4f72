"""`foveal report --json` has what analysis found, with null where nothing is known."""

import json
from pathlib import Path

import pytest

from foveal.analysis import compare_cell_variants, compare_classes, compute_effect_sizes
from foveal.cli.report_schema import ReportOutput, make_report_output
from foveal.records import read_study
from report.fake_records import ACCURACIES, write_fake_study


def test_output_agrees_with_analysis(tmp_path: Path) -> None:
    study = read_study(write_fake_study(tmp_path / "study", ACCURACIES))
    page = tmp_path / "study" / "report" / "report.html"
    content = json.loads(json.dumps(make_report_output(page, study)))
    output = ReportOutput.model_validate(content)
    assert (output.report, output.folder) == (str(page), str(page.parent))
    comparisons = compare_cell_variants(study)
    assert [each.variant for each in output.effects] == [each.variant for each in comparisons]
    for effect, comparison in zip(output.effects, comparisons, strict=True):
        sizes = compute_effect_sizes(study, comparison)
        assert effect.difference_over_sd == sizes.difference_over_sd
        assert sizes.removed_errors is not None
        assert effect.removed_errors_interval == sizes.removed_errors.interval
        assert effect.win_chance_interval is None  # three seeds
        expected = compare_classes(study, comparison)
        assert [each.interval for each in effect.classes] == [each.interval for each in expected]
    assert [each.variant for each in output.training] == list(ACCURACIES)
    for each in output.training:
        assert each.training_seconds == pytest.approx(2.0)
        assert each.final_slope == pytest.approx(0, abs=1e-12)
        assert each.step_seconds is None


def test_page_about_something_else_has_no_effects(tmp_path: Path) -> None:
    output = ReportOutput.model_validate(make_report_output(tmp_path / "report.html", None))
    assert (output.effects, output.training) == ([], [])
