"""Documents of grids, of long variant names, and of variants with other lengths of training."""

from dataclasses import replace
from pathlib import Path

import pytest
from markupsafe import Markup

from foveal.records import Cell, read_design, write_design, write_extra
from foveal.report.document import ReportDocument, build_document
from foveal.report.html_page import SizeBudget, render_report_html
from foveal.text_format import shorten_names
from report.fake_records import (
    TWO_VARIANTS,
    make_costs,
    make_gates,
    make_occlusion,
    make_robustness,
    store_extras,
    write_fake_run,
    write_fake_study,
)
from report.report_page import ReportPage, read_report

LONG_NAMES = ("none", "cbam:reduction=16", "cbam:reduction=32")


def store_all_extras(run: Path, seed: int, *, with_gates: bool) -> None:
    occlusion = make_occlusion(seed, with_gates=with_gates)
    gates = {"gates": make_gates()} if with_gates else {}
    store_extras(run, occlusion=occlusion, robustness=make_robustness(0.7), **gates)


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory) -> ReportDocument:
    """A study with two cells whose runs have stored all extras."""
    folder = tmp_path_factory.mktemp("document") / "grid"
    write_fake_study(folder, {name: [] for name in TWO_VARIANTS})
    rates = (0.1, 0.3)
    cells = tuple(Cell(options={"learning_rate": rate}) for rate in rates)
    setting = {"data": "scenes", "model": "convnet"}
    write_design(folder, replace(read_design(folder), shared_options=setting, cells=cells))
    for cell, rate in enumerate(rates):
        for index, (variant, values) in enumerate(TWO_VARIANTS.items()):
            for seed, accuracy in enumerate(values):
                run = folder / "runs" / f"{cell}-{index}-{seed}"
                write_fake_run(
                    run, variant=variant, seed=seed, accuracy=accuracy, learning_rate=rate
                )
                store_all_extras(run, seed, with_gates=index > 0)
            write_extra(folder, f"cost-{cell}-{index}-0", make_costs(variant))
    return build_document(folder)


def test_names_and_titles_are_unique_across_cells(grid: ReportDocument) -> None:
    for blocks in (grid.tables, grid.figures):
        names = [each.name for each in blocks]
        assert len(names) == len(set(names)) > 15
    titles = [section.title for section in grid.sections]
    assert titles == [
        "Results",
        "learning_rate=0.1",
        "learning_rate=0.3",
        "How it was done",
        "Raw tables",
    ]


def test_grid_begins_with_a_row_per_setting(grid: ReportDocument) -> None:
    assert grid.title == "Does attention help in 2 settings? Yes in 2 of 2 settings."
    page = ReportPage(render_report_html(grid))
    for rate in ("0.1", "0.3"):
        row = page.find_row(f"learning_rate={rate}")
        assert row[1] == "Does channel attention help ConvNet on scenes?"
        assert row[2].startswith("Yes: channel is better, by +9.5 points")
    ids = page.attribute_values("id")
    assert len(ids) == len(set(ids))


def test_part_beyond_the_budget_is_left_to_its_file(
    grid: ReportDocument, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SizeBudget.__init__, "__defaults__", (40_000,))
    html = render_report_html(grid)
    text = " ".join(ReportPage(html).text.split())
    assert "The page would be too large with this figure. It is in figures/" in text
    assert len(html.encode()) < 200_000


def test_budget_omits_what_exceeds_it_and_still_accepts_smaller_sizes() -> None:
    budget = SizeBudget(100)
    parts = [Markup("x" * size) for size in (60, 50, 40, 1)]
    assert [bool(budget.embed(part)) for part in parts] == [True, False, True, False]


def test_equal_short_names_are_numbered(tmp_path: Path) -> None:
    assert len(set(shorten_names(LONG_NAMES, 12).values())) == 3
    folder = write_fake_study(tmp_path / "study", {name: [0.7] for name in LONG_NAMES})
    for index in range(3):
        store_all_extras(folder / "runs" / f"{index}-0", index, with_gates=index > 0)
    headings = next(row for row in read_report(folder).rows if row[:1] == ["image"])
    assert len(set(headings)) == len(headings) == 4


def test_shows_a_longer_training(tmp_path: Path) -> None:
    folder = write_fake_study(tmp_path / "study", {"none": [0.7], "channel": []})
    write_fake_run(folder / "runs" / "1-0", variant="channel", accuracy=0.8, epochs=4)
    for index, variant in enumerate(TWO_VARIANTS):
        write_extra(folder, f"cost-{index}-0", make_costs(variant))
    page = read_report(folder)
    row = next(row for row in page.rows if row and row[0].startswith("channel"))
    assert row[-2] == "4.0 s+100 %"
    assert "2 or 4 epochs" in page.text


def test_study_with_one_seed_mentions_no_means(tmp_path: Path) -> None:
    page = read_report(write_fake_study(tmp_path / "study", {"none": [0.7], "channel": [0.8]}))
    for words in ("mean over the seeds", "means over the seeds", "summed over the seeds"):
        assert words not in page.text
