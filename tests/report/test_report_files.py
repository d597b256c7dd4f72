"""Files of a report: text, tables and figures next to the page."""

import csv
import json
import re
import shutil
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from PIL import Image

from foveal.cli.app import main
from foveal.report import Report, write_report
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
    copy = tmp_path / "copy"
    shutil.copytree(study / "runs", copy / "runs")
    shutil.copy(study / "study.toml", copy)
    write_report(copy)
    assert read_files(copy) == read_files(study)


def test_every_figure_has_a_png_and_an_svg_without_variables(study: Path) -> None:
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
    page = read_report(study)
    with (study / "tables" / "results.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["variant"] for row in rows] == list(ACCURACIES)
    for row in rows:
        shown = page.find_row(row["variant"], "3")
        assert row["difference in points"] == shown[3].replace("\N{MINUS SIGN}", "-")
        assert row["verdict"] == shown[5]
    latex = (study / "tables" / "results.tex").read_text()
    assert r"\toprule" in latex
    assert latex.count(r" \\") == 1 + len(ACCURACIES)


def test_text_has_every_verdict_and_links_existing_figures(study: Path) -> None:
    text = (study / "report.md").read_text()
    assert "- **channel** is better than none: by at least" in text
    assert "| cbam:reduction=8 | 3 |" in text
    links = re.findall(r"!\[[^\]]*\]\((figures/[^)]*)\)", text)
    assert len(links) == len(set(links)) == len(list((study / "figures").glob("*.png")))
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
    assert (folder / "figures" / "confusion-1.png").is_file()
    shutil.rmtree(folder / "runs" / "1-0")
    write_report(folder, only_page=True)
    assert (folder / "report.md").read_text() != before
    assert not (folder / "figures" / "confusion-1.png").exists()
    assert not list(folder.glob(".*partial"))


def test_other_files_in_the_folder_are_left_alone(tmp_path: Path) -> None:
    folder = write_fake_run(tmp_path / "run", variant="cbam", accuracy=0.8125)
    (folder / "figures").mkdir()
    (folder / "figures" / "mine.png").write_bytes(b"mine")
    write_report(folder)
    write_report(folder)
    assert (folder / "figures" / "mine.png").read_bytes() == b"mine"
    assert "81.25 %" in (folder / "report.md").read_text()
    assert (folder / "figures" / "overview-loss.svg").is_file()


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
