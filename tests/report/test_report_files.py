"""Files of a report: text, tables and figures next to the page."""

import csv
import json
import re
import shutil
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from foveal.cli.app import main
from foveal.report import Report, write_report
from foveal.stats import compare_variants
from foveal.text_tables import Table, render_csv, render_latex, render_markdown
from report.fake_records import ACCURACIES, write_fake_run, write_fake_study
from report.report_page import read_report


def read_files(folder: Path) -> dict[str, bytes]:
    """Return the content of every file of a report."""
    paths = [folder / "report.html", folder / "report.md"]
    paths += [*folder.glob("tables/*"), *folder.glob("figures/*")]
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_fake_study(tmp_path_factory.mktemp("files") / "study", ACCURACIES)
    write_report(folder)
    return folder


def test_copied_records_give_the_same_files(study: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy" / study.name
    shutil.copytree(study / "runs", copy / "runs")
    shutil.copy(study / "study.toml", copy)
    write_report(copy)
    assert read_files(copy) == read_files(study)


def test_every_figure_is_a_file_that_contains_its_styles(study: Path) -> None:
    names = {path.stem for path in (study / "figures").iterdir()}
    assert {"accuracy-1", "loss-2", "confusion-0", "classes-1"} <= names
    for name in names:
        text = (study / "figures" / f"{name}.svg").read_text()
        assert ET.fromstring(text).attrib["aria-label"]
        used = set(re.findall(r"var\((--[\w-]+)", text)) - {"--c"}
        assert used <= set(re.findall(r"(--[\w-]+):", text))


def test_tables_have_the_numbers_of_the_page(study: Path) -> None:
    page = read_report(study)
    with (study / "tables" / "results.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["variant"] for row in rows] == list(ACCURACIES)
    comparisons = {each.variant: each for each in compare_variants(ACCURACIES, margin=0.01)}
    for row in rows[1:]:
        shown = next(each for each in page.rows if each and each[0].startswith(row["variant"]))
        assert shown[4].endswith(row["verdict"])
        comparison = comparisons[row["variant"]]
        assert row["difference in points"] == f"{100 * comparison.difference:+.2f}"
        low, high = (f"{100 * bound:+.2f}" for bound in comparison.interval)
        assert row["interval"] == f"[{low}, {high}]"
    latex = (study / "tables" / "results.tex").read_text()
    assert r"\toprule" in latex
    assert latex.count(r" \\") == 1 + len(ACCURACIES)


def test_page_links_the_tables_only_where_they_are_written(study: Path, tmp_path: Path) -> None:
    targets = [v for v in read_report(study).attribute_values("href") if v.endswith(".csv")]
    assert "tables/results.csv" in targets
    assert all((study / target).is_file() for target in targets)
    alone = write_fake_study(tmp_path / "alone", {"none": [0.7]}, epochs=1)
    assert not [v for v in read_report(alone).attribute_values("href") if v.endswith(".csv")]


def test_text_has_the_answer_and_links_existing_figures(study: Path) -> None:
    text = (study / "report.md").read_text()
    assert "**Mixed:** `channel` (+9.5 points, interval +6.8 to +12.2) helps" in text
    assert "| cbam:reduction=8 | 3 |" in text
    links = re.findall(r"!\[[^\]]*\]\((figures/[^)]*)\)", text)
    assert len(links) == len(set(links)) == len(list((study / "figures").glob("*.svg")))
    assert all((study / name).is_file() for name in links)


def test_notebook_shows_the_page_in_a_frame(study: Path) -> None:
    html = Report(study / "report.html")._repr_html_()
    assert html.startswith('<iframe srcdoc="&lt;!DOCTYPE html&gt;')
    assert 'sandbox="allow-scripts"' in html


def test_markup_in_class_names_is_escaped_in_every_format(tmp_path: Path) -> None:
    markup = "<script>alert(1)</script>"
    folder = write_fake_study(
        tmp_path / "study", {"none": [0.5]}, classes=(markup, "a_b", "c%d&e"), epochs=1
    )
    write_report(folder)
    text = (folder / "report.md").read_text()
    assert "<script" not in text
    assert "&lt;script&gt;" in text
    assert r"c\%d\&e" in (folder / "tables" / "classes.tex").read_text()
    for path in folder.glob("figures/*.svg"):
        assert "script" not in {element.tag for element in ET.parse(path).iter()}


def test_page_alone_is_written_until_other_files_exist(tmp_path: Path) -> None:
    folder = write_fake_study(tmp_path / "study", {"none": [0.7], "channel": [0.8]}, epochs=1)
    write_report(folder, only_page=True)
    assert not (folder / "tables").exists()
    write_report(folder)
    before = (folder / "report.md").read_text()
    assert (folder / "figures" / "confusion-1.svg").is_file()
    shutil.rmtree(folder / "runs" / "1-0")
    write_report(folder, only_page=True)
    assert (folder / "report.md").read_text() != before
    assert not (folder / "figures" / "confusion-1.svg").exists()
    assert not list(folder.glob(".*partial"))


def test_other_files_in_the_folder_are_left_alone(tmp_path: Path) -> None:
    folder = write_fake_run(tmp_path / "run", variant="cbam", accuracy=0.8125)
    (folder / "figures").mkdir()
    (folder / "figures" / "mine.png").write_bytes(b"mine")
    write_report(folder)
    write_report(folder)
    assert (folder / "figures" / "mine.png").read_bytes() == b"mine"
    assert "81.25 %" in (folder / "report.md").read_text()
    assert (folder / "figures" / "loss-1.svg").is_file()


def test_command_prints_the_paths(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = write_fake_run(tmp_path / "run")
    assert main(["report", str(run), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["report"] == str(run / "report.html")
    assert main(["report", str(run)]) == 0
    assert str(run / "figures") in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [[], ["a", "--compare", "b", "c"], ["a", "--out", "b"]])
def test_command_requires_one_folder_or_two_studies(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", *arguments]) == 2
    assert "foveal:" in capsys.readouterr().err


TABLE = Table(
    "T", ("a", "b_c"), (("x|y", "1\n+2 %"), ("p & q", "[3]")), "note", text_headings=("b_c",)
)


def test_second_line_of_a_cell_is_in_brackets_in_single_line_formats() -> None:
    assert r"| x\|y | 1 (+2 %) |" in render_markdown(TABLE)
    assert render_csv(TABLE).splitlines() == ['a,b_c,"b_c, below"', "x|y,1,+2 %", "p & q,[3],"]
    assert r"p \& q & [3] \\" in render_latex(TABLE)
    assert r"\begin{tabular}{ll}" in render_latex(TABLE)
