"""What all sections share: names of their own, sizes that stay small, files that are left alone."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from foveal.errors import UsageError
from foveal.records import Cell, read_design, write_design, write_extra
from foveal.records.manifest import write_manifest
from foveal.report import compare, report
from foveal.report.document import content_of
from foveal.report.html_page import Budget
from foveal.report.sections.occlusion import compared
from foveal.text_format import shorten_names
from report.test_costs import stored
from report.test_occlusion_section import gated, swept
from report.test_report import TWO, page_of, write_fake_run, write_fake_study
from report.test_report_robustness import left as robust

LONG = ("none", "series:reduction=16", "series:reduction=32")


def leave(run: Path, seed: int, *, gates: bool) -> None:
    write_extra(run, "occlusion", swept(seed, gates=gates))
    write_extra(run, "robustness", robust(0.7))
    if gates:
        write_extra(run, "gates", gated())
    write_manifest(run)


@pytest.fixture
def grid(tmp_path: Path) -> Path:
    """A study of two cells, each with all that runs leave."""
    folder = write_fake_study(tmp_path / "grid", {name: [] for name in TWO})
    rates = (0.1, 0.3)
    cells = tuple(Cell(values={"learning_rate": rate}) for rate in rates)
    setting = {"data": "scenes", "model": "convnet"}
    write_design(folder, replace(read_design(folder), setting=setting, cells=cells))
    for place, rate in enumerate(rates):
        for kind, (variant, values) in enumerate(TWO.items()):
            for seed, accuracy in enumerate(values):
                run = folder / "runs" / f"{place}-{kind}-{seed}"
                write_fake_run(
                    run, variant=variant, seed=seed, accuracy=accuracy, learning_rate=rate
                )
                leave(run, seed, gates=kind > 0)
            write_extra(folder, f"cost-{place}-{kind}-0", stored(variant))
    return folder


def test_every_section_table_and_picture_of_a_grid_has_a_name_of_its_own(grid: Path) -> None:
    content = content_of(grid)
    assert len(content.parts) == 2
    for things in (content.sections, content.tables, content.pictures):
        names = [one.name for one in things]
        assert len(names) == len(set(names)) > 20
    titles = [section.title for section in content.sections]
    assert len(titles) == len(set(titles))
    assert "Confusion: learning_rate=0.3" in titles


def test_a_page_of_many_settings_stays_small(grid: Path) -> None:
    page = page_of(grid)
    assert (grid / "report.html").stat().st_size < 5_000_000
    ids = page.values("id")
    assert len(ids) == len(set(ids))


def test_what_does_not_fit_is_left_out_and_smaller_things_still_fit() -> None:
    budget = Budget(100)
    assert [budget.takes(size) for size in (60, 50, 40, 1)] == [True, False, True, False]


def test_a_picture_that_does_not_fit_is_in_its_file(
    grid: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Budget.__init__, "__defaults__", (200_000,))
    page = page_of(grid)
    assert "The page would be too large with it: see figures/" in " ".join(page.text.split())
    assert (grid / "report.html").stat().st_size < 500_000


def test_names_that_are_cut_alike_are_told_apart() -> None:
    assert len(set(shorten_names(LONG, 12).values())) == 3
    assert compared(LONG) == ("series:reduction=16", "none")


def test_the_difference_is_that_of_the_variants_it_names(tmp_path: Path) -> None:
    names = (
        "none",
        "series:reduction=8:order=spatial-first",
        "series:reduction=9:order=spatial-first",
    )
    folder = write_fake_study(tmp_path / "s", {name: [0.7] for name in names})
    for place in range(3):
        leave(folder / "runs" / f"{place}-0", place, gates=place > 0)
    picture = next(one for one in content_of(folder).pictures if one.name == "occlusion-5")
    shown = [axes.images[0].get_array() for axes in picture.figure.axes if axes.images]
    headings = [text.get_text() for axes in picture.figure.axes for text in axes.texts]
    assert len(set(headings)) == len(headings) == 5
    flat = [np.asarray(one, dtype=float).sum() for one in shown]
    assert len(flat) == 5  # the image, three maps, a difference
    assert len(set(flat)) == 5


def test_files_of_others_are_left_alone(tmp_path: Path) -> None:
    folder = write_fake_run(tmp_path / "s")
    (folder / "figures").mkdir()
    (folder / "figures" / "mine.png").write_bytes(b"mine")
    report(folder)
    report(folder)
    assert (folder / "figures" / "mine.png").read_bytes() == b"mine"
    first, other = (write_fake_study(tmp_path / name, TWO) for name in ("first", "other"))
    paper = tmp_path / "paper"
    paper.mkdir()
    (paper / "report.md").write_text("mine")
    with pytest.raises(UsageError, match="no comparison"):
        compare(first, other, out=paper)
    assert (paper / "report.md").read_text() == "mine"


def test_what_stands_beside_a_page_never_says_something_else(tmp_path: Path) -> None:
    folder = write_fake_study(tmp_path / "s", {"none": [0.7], "channel": [0.8]})
    report(folder, only_page=True)
    assert not (folder / "tables").exists()
    report(folder)
    before = (folder / "report.md").read_text()
    write_fake_run(folder / "runs" / "1-1", variant="channel", seed=1, accuracy=0.9)
    report(folder, only_page=True)
    assert (folder / "report.md").read_text() != before


def test_a_longer_training_is_told_as_longer(tmp_path: Path) -> None:
    folder = write_fake_study(tmp_path / "s", {"none": [0.7], "channel": []})
    write_fake_run(folder / "runs" / "1-0", variant="channel", accuracy=0.8, epochs=4)
    for place, variant in enumerate(TWO):
        write_extra(folder, f"cost-{place}-0", stored(variant))
    page = page_of(folder)
    assert page.row("channel", "1planned 3")[-2] == "4.0+100.0 %"
    assert "2 or 4 epochs" in page.text


def test_texts_of_one_seed_speak_of_none(tmp_path: Path) -> None:
    page = page_of(write_fake_study(tmp_path / "s", {"none": [0.7], "channel": [0.8]}))
    for words in ("mean over the seeds", "means over the seeds", "summed over the seeds"):
        assert words not in page.text
