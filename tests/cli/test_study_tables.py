"""Study tables of the terminal fit 100 columns and agree with the report."""

import io
from pathlib import Path

import numpy as np
import pytest
import scipy.stats
from rich.console import Console
from rich.text import Text

from foveal.analysis import compare_cell_variants
from foveal.cli.ablate_schema import AblateOutput, make_ablate_output
from foveal.cli.console import stdout
from foveal.cli.study_tables import format_answer, make_comparison_table, print_comparisons
from foveal.records import read_study, write_extra
from report.fake_records import make_costs, write_fake_study
from report.report_page import read_report

VARIANTS = ("none", "channel", "spatial", "bam:where=residual", "cbam:order=spatial-first")


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    values = {name: [0.7 + 0.01 * index, 0.71, 0.73] for index, name in enumerate(VARIANTS)}
    folder = write_fake_study(tmp_path_factory.mktemp("tables") / "study", values)
    for index in range(len(VARIANTS)):
        costs = make_costs("none") | {"saved_bytes": np.array(100 + 10 * index)}
        write_extra(folder, f"cost-{index}-0", costs)
    return folder


def print_table(folder: Path, width: int) -> list[str]:
    """Return the lines of the table of a study."""
    (cell,) = read_study(folder).split_by_cell()
    file = io.StringIO()
    Console(file=file, width=width).print(make_comparison_table(cell, compare_cell_variants(cell)))
    return file.getvalue().splitlines()


def test_lines_fit_and_names_are_not_broken(study: Path) -> None:
    lines = print_table(study, 100)
    assert max(map(len, lines)) <= 100
    for name in VARIANTS:
        assert any(line.strip().startswith(f"{name} ") for line in lines)


def test_differences_and_costs_agree_with_the_report(study: Path) -> None:
    page = read_report(study)
    rows = {columns[0]: columns for line in print_table(study, 100) if (columns := line.split())}
    for index, name in enumerate(VARIANTS[1:], 1):
        shown = next(row for row in page.rows if len(row) == 8 and row[0].startswith(name[:9]))
        difference = float(rows[name][5].replace("\N{MINUS SIGN}", "-"))
        assert shown[3].startswith(f"{difference:+.1f}")
        assert rows[name][-2:] == ["1.00", f"{1 + 0.1 * index:.2f}"]
        assert shown[-1].endswith(f"+{10 * index} %")


CONTROLLED = {
    "none": [0.700, 0.702, 0.698],
    "cbam": [0.720, 0.722, 0.718],
    "same-time:like=cbam": [0.710, 0.725, 0.695],
}

GOLDEN_CONTROLLED = """\
Test accuracy after the last epoch: synthetic images, 32 × 32 pixels, 3
classes, 1,200 for testing

                                 accuracy  diff. to
 variant              seeds        % ± sd      none        interval  verdict
 ─────────────────────────────────────────────────────────────────────────────
 none                     3  70.00 ± 0.20                            baseline
 cbam                     3  72.00 ± 0.20     +2.00  [+1.35, +2.65]  better
   minus same-time        3                   +1.00  [−5.36, +7.36]  undecided
 same-time:like=cbam      3  71.00 ± 1.50     +1.00  [−5.36, +7.36]  undecided

± is the standard deviation over seeds. All 3 intervals hold together in 95 % of studies, each in
98.33 %. Better: the interval is above 0. Equivalent: it is within the margin of 1.00 points, under
which a difference does not matter. Differences are in points of accuracy, computed before rounding.
The intervals are about other seeds on the same 1,200 test images.

cbam: better, the interval from +1.35 to +2.65 points is above 0.
same-time:like=cbam: undecided, the difference may be anywhere from −5.36 to +7.36 points; 3 seeds
per variant find a true difference of 5.60 points with 80 % power.
cbam minus same-time:like=cbam: undecided, the difference may be anywhere from −5.36 to +7.36
points; 3 seeds per variant find a true difference of 5.60 points with 80 % power.
What a new study of 2 epochs can detect

         smallest detectable difference
 seeds             (80 % power), points     time
 ───────────────────────────────────────────────
     5                             2.81    3 min
    10                             1.70    6 min
    20                             1.14   11 min
    50                             0.70   28 min

80 % power: an 80 % chance to find a true difference of this size, if seeds differ as much as here."""

GOLDEN_GUESSING = """\
Undecided: no variant is better than guessing, which reaches 33.3 %.
Test accuracy after the last epoch: synthetic images, 32 × 32
pixels, 3 classes, 1,200 for testing

                     accuracy  diff. to
 variant  seeds        % ± sd      none        interval  verdict
 ──────────────────────────────────────────────────────────────────
 none         3  33.50 ± 0.50                            baseline
 cbam         3  30.50 ± 0.50     −3.00  [−4.13, −1.87]  undecided
                                                         (guessing)

± is the standard deviation over seeds. The interval holds in 95 % of studies. Better: the interval
is above 0. Equivalent: it is within the margin of 1.00 points, under which a difference does not
matter. Differences are in points of accuracy, computed before rounding.
The intervals are about other seeds on the same 1,200 test images.

cbam: undecided, neither variant is better than guessing, which reaches 33.3 %."""


@pytest.fixture(scope="module")
def controlled_study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study in which a variant is better than `none`, and its control is undecided."""
    folder = tmp_path_factory.mktemp("tables") / "controlled"
    return write_fake_study(folder, CONTROLLED, controls=("same-time:like=cbam",))


def print_study(folder: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """Return the text of all tables and sentences about the only cell of a study."""
    (cell,) = read_study(folder).split_by_cell()
    stdout.width = 100  # another test may have imported the console with another width
    print_comparisons(cell, compare_cell_variants(cell))
    return "\n".join(line.rstrip() for line in capsys.readouterr().out.strip().splitlines())


def test_controls_have_a_row_below_their_variant(
    controlled_study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert print_study(controlled_study, capsys) == GOLDEN_CONTROLLED


def test_answer_has_the_question_before_it(controlled_study: Path) -> None:
    (cell,) = read_study(controlled_study).split_by_cell()
    answer = Text.from_markup(format_answer(cell, compare_cell_variants(cell))).plain
    assert answer == (
        "Does CBAM help ConvNet on scenes? Yes: cbam is better, by +2.00 points (interval +1.35 to +2.65). "
        "cbam is not shown to be better than the plain network trained for as long: +1.0 points "
        "(interval \N{MINUS SIGN}5.4 to +7.4)."
    )


def test_networks_that_learned_nothing_are_named_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    values = {"none": [0.34, 0.33, 0.335], "cbam": [0.31, 0.3, 0.305]}
    text = print_study(write_fake_study(tmp_path / "study", values), capsys)
    assert text == GOLDEN_GUESSING


def test_json_has_the_contrasts_and_the_next_steps(controlled_study: Path) -> None:
    record = read_study(controlled_study)
    by_cell = [(cell, compare_cell_variants(cell)) for cell in record.split_by_cell()]
    content = make_ablate_output(record, by_cell, trained=0, missing=0, warnings=[], page=None)
    output = AblateOutput.model_validate(content, strict=False)
    control = "same-time:like=cbam"
    assert [(each.variant, each.reference, each.verdict) for each in output.comparisons] == [
        ("cbam", "none", "better"),
        (control, "none", "undecided"),
        ("cbam", control, "undecided"),
    ]
    contrast = output.comparisons[2]
    welch = scipy.stats.ttest_ind(CONTROLLED["cbam"], CONTROLLED[control], equal_var=False)
    expected = welch.confidence_interval(1 - 0.05 / 3)
    assert contrast.interval == pytest.approx((expected.low, expected.high))
    assert contrast.seeds_needed is not None
    assert contrast.seeds_needed_interval is not None
    low, high = contrast.seeds_needed_interval
    assert low < contrast.seeds_needed < high
    assert contrast.sd_ratio == pytest.approx(0.2 / 1.5)
    assert contrast.standard_error_seeds is not None
    assert contrast.standard_error_images is not None
    assert contrast.standard_error_both == pytest.approx(
        np.hypot(contrast.standard_error_seeds, contrast.standard_error_images)
    )
    assert 0 < (contrast.finite_test_share or 0) <= 1
    (steps,) = output.next_steps
    assert [row.seeds for row in steps.outlook] == [5, 10, 20, 50]
    assert steps.outlook[0].detectable_differences[0] == pytest.approx(0.0281, abs=5e-5)
    assert steps.last_epoch_gains == []
