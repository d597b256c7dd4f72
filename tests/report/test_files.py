"""The report as text, tables and figures, and two studies side by side."""

import csv
import json
import re
import shutil
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from PIL import Image

from foveal.cli.app import main
from foveal.errors import UsageError
from foveal.report import Report, compare, report
from foveal.text_tables import Table, render_csv, render_latex, render_markdown
from report.test_report import ACCURACIES, TWO, Page, page_of, write_fake_run, write_fake_study


def everything(folder: Path) -> dict[str, bytes]:
    paths = [folder / "report.html", folder / "report.md"]
    paths += [*folder.glob("tables/*"), *folder.glob("figures/*")]
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_fake_study(tmp_path_factory.mktemp("files") / "study", ACCURACIES)
    report(folder)
    return folder


def test_all_files_are_the_same_from_a_copy(study: Path, tmp_path: Path) -> None:
    copy = tmp_path / "elsewhere"
    shutil.copytree(study / "runs", copy / "runs")
    shutil.copy(study / "study.toml", copy)
    report(copy)
    assert everything(copy) == everything(study)


def test_every_figure_is_an_svg_without_variables_and_a_png(study: Path) -> None:
    names = {path.stem for path in (study / "figures").iterdir()}
    assert {"forest", "overview-accuracy", "confusion-0", "classes"} <= names
    for name in names:
        text = (study / "figures" / f"{name}.svg").read_text()
        assert ET.fromstring(text).attrib["aria-label"]
        assert "var(" not in text
        with Image.open(study / "figures" / f"{name}.png") as image:
            image.load()
            assert min(image.size) > 100


def test_tables_have_the_numbers_of_the_page(study: Path) -> None:
    page = page_of(study)
    with (study / "tables" / "result.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["variant"] for row in rows] == list(ACCURACIES)
    for row in rows:
        shown = page.row(row["variant"], "3")
        assert row["difference in points"] == shown[3].replace("\N{MINUS SIGN}", "-")
        assert row["verdict"] == shown[5]
    latex = (study / "tables" / "result.tex").read_text()
    assert r"\toprule" in latex
    assert latex.count(r" \\") == 1 + len(ACCURACIES)


def test_the_text_has_every_verdict_and_only_figures_that_are_there(study: Path) -> None:
    text = (study / "report.md").read_text()
    assert "- **channel** is better than none: by at least" in text
    assert "| series:reduction=8 | 3 |" in text
    linked = re.findall(r"!\[[^\]]*\]\((figures/[^)]*)\)", text)
    assert len(linked) == len(set(linked)) == len(list((study / "figures").glob("*.png")))
    assert all((study / name).is_file() for name in linked)


def test_names_are_text_in_every_format(tmp_path: Path) -> None:
    hostile = "<script>alert(1)</script>"
    folder = write_fake_study(tmp_path / "s", {"none": [0.5]}, classes=(hostile, "a_b", "c%d&e"))
    report(folder)
    text = (folder / "report.md").read_text()
    assert "<script" not in text
    assert "&lt;script&gt;" in text
    assert r"c\%d\&e" in (folder / "tables" / "classes.tex").read_text()
    for path in folder.glob("figures/*.svg"):
        assert "script" not in {element.tag for element in ET.parse(path).iter()}


def test_figures_of_an_earlier_report_do_not_stay(tmp_path: Path) -> None:
    folder = write_fake_study(tmp_path / "s", {"none": [0.7], "channel": [0.8]})
    report(folder)
    assert (folder / "figures" / "confusion-1.png").is_file()
    for run in (folder / "runs").glob("1-*"):
        shutil.rmtree(run)
    report(folder)
    assert not (folder / "figures" / "confusion-1.png").exists()
    assert not list(folder.glob(".*partial"))


def test_a_notebook_shows_the_page_in_a_frame(study: Path) -> None:
    shown = Report(study / "report.html")._repr_html_()
    assert shown.startswith('<iframe srcdoc="&lt;!DOCTYPE html&gt;')
    assert 'sandbox="allow-scripts"' in shown


def test_one_run_has_all_files(tmp_path: Path) -> None:
    folder = write_fake_run(tmp_path / "run", variant="series", accuracy=0.8125)
    report(folder)
    assert "81.25 %" in (folder / "report.md").read_text()
    assert (folder / "figures" / "overview-loss.svg").is_file()


def test_two_studies_stand_side_by_side(tmp_path: Path) -> None:
    values = {"none": [0.70, 0.71, 0.72], "channel": [0.60, 0.61, 0.62]}
    first = write_fake_study(tmp_path / "study", TWO)
    other = write_fake_study(tmp_path / "other", values)
    made = compare(first, other)
    assert made.page == first / "compare-other" / "report.html"
    page = Page(made.page.read_text())
    row = page.row("channel")
    assert row[3] == "better"
    assert row[6] == "worse"
    assert "study beside other" in page.text
    assert "nothing that is on record" in page.text


def test_a_comparison_names_the_options_that_differ(tmp_path: Path) -> None:
    first = write_fake_study(tmp_path / "first", TWO)
    second = write_fake_study(tmp_path / "second", TWO, planned_seeds=2)
    page = Page(compare(first, second, out=tmp_path / "both").page.read_text())
    assert page.row("planned_seeds") == ["planned_seeds", "3", "2"]


def test_what_cannot_be_compared_is_refused(study: Path, tmp_path: Path) -> None:
    other = write_fake_study(tmp_path / "other", {"eca": [0.5]})
    with pytest.raises(UsageError, match="no variant in common"):
        compare(study, other)
    with pytest.raises(UsageError, match="no finished run yet"):
        compare(study, write_fake_study(tmp_path / "empty", {"none": []}))
    with pytest.raises(UsageError, match="not a study"):
        compare(study, study / "runs" / "0-0")
    assert not list(study.glob("compare-*"))


def test_the_command_says_where_all_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study = write_fake_run(tmp_path / "run")
    assert main(["report", str(study), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["report"] == str(study / "report.html")
    assert main(["report", str(study)]) == 0
    assert str(study / "figures") in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [[], ["a", "--compare", "b", "c"], ["a", "--out", "b"]])
def test_the_command_wants_one_folder_or_two(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", *arguments]) == 2
    assert "foveal:" in capsys.readouterr().err


TABLE = Table(
    "T", ("a", "b_c"), (("x|y", "1\n+2 %"), ("p & q", "[3]")), "note", text_headings=("b_c",)
)


def test_a_second_line_stands_in_brackets_where_there_is_one_line() -> None:
    assert r"| x\|y | 1 (+2 %) |" in render_markdown(TABLE)
    assert render_csv(TABLE).splitlines() == ['a,b_c,"b_c, below"', "x|y,1,+2 %", "p & q,[3],"]
    assert r"p \& q & [3] \\" in render_latex(TABLE)
    assert r"\begin{tabular}{ll}" in render_latex(TABLE)
