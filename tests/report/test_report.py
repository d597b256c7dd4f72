from __future__ import annotations

import base64
import hashlib
import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable, Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.stats

from foveal.errors import FovealError, UsageError
from foveal.records import Design, write_design, write_run
from foveal.records.manifest import write_manifest
from foveal.records.run import write_config
from foveal.report import report
from foveal.stats import compare_variants
from foveal.text_format import ABSENT, shorten_name

ACCURACIES = {
    "none": [0.70, 0.71, 0.72],
    "channel": [0.80, 0.805, 0.81],
    "series:reduction=8": [0.715, 0.70, 0.705],
}
TWO = {variant: ACCURACIES[variant] for variant in ("none", "channel")}
VOID = {"meta", "img", "br"}


def write_fake_run(
    folder: Path,
    *,
    variant: str = "none",
    seed: int = 0,
    accuracy: float = 0.7,
    classes: Sequence[str] = ("cat", "dog", "frog"),
    epochs: int = 2,
    side: int = 4,
    learning_rate: float = 0.1,
) -> Path:
    random = np.random.default_rng(seed)
    size = len(classes)
    labels = np.arange(8 * size) % size
    predicted = np.where(random.random(labels.size) < accuracy, labels, (labels + 1) % size)
    confusion = np.zeros((size, size), dtype=np.int64)
    np.add.at(confusion, (labels, predicted), 1)
    predictions = {
        "labels": labels,
        "predicted": predicted,
        "correct": predicted == labels,
        "confusion": confusion,
    }
    if size >= 20:
        predictions["correct_top5"] = np.ones(labels.size, dtype=bool)
    folder.mkdir(parents=True)
    write_config(
        folder,
        {"seed": seed, "model": "convnet", "attention": variant, "learning_rate": learning_rate},
    )
    write_run(
        folder,
        environment={"torch": "2.13.0", "command": "foveal ablate <fake>", "date": f"day {seed}"},
        metrics=[
            {
                "epoch": epoch + 1,
                "learning_rate": 0.1,
                "train_loss": 2.0 / (epoch + 1),
                "train_accuracy": accuracy * 0.9,
                "test_loss": 2.1 / (epoch + 1),
                "test_accuracy": accuracy,
                "time_seconds": 1.0,
            }
            for epoch in range(epochs)
        ],
        results={
            "variant": variant,
            "seed": seed,
            "test_accuracy": accuracy,
            "test_loss": 1.0,
            "train_accuracy": accuracy * 0.9,
            "train_loss": 1.0,
            "top5_accuracy": 0.9125 if size >= 20 else None,
            "calibration_error": 0.02,
            "parameters": 2202122,
            "epochs": epochs,
            "classes": list(classes),
            "data": "scenes",
            "data_checksum": "sha256:c0ffee",
            "seconds": 10.0 + seed,
            "images_per_second": 100.0,
            "run": folder.name,
        },
        predictions=predictions,
        training_batch={
            "images": random.integers(0, 256, (3, side, side, 3), dtype=np.uint8),
            "labels": np.arange(3) % size,
        },
    )
    return folder


def write_fake_study(
    folder: Path,
    accuracies: dict[str, list[float]],
    *,
    planned_seeds: int = 3,
    variants: Sequence[str] | None = None,
    **run: Any,
) -> Path:
    folder.mkdir(parents=True)
    design = Design(
        setting={"data": "scenes", "model": "convnet", "learning_rate": 0.1},
        variants=tuple(variants or accuracies),
        seeds=planned_seeds,
        planned_seeds=planned_seeds,
        margin=1.0,
        planned_margin=1.0,
    )
    write_design(folder, design)
    for place, (variant, values) in enumerate(accuracies.items()):
        for seed, accuracy in enumerate(values):
            path = folder / "runs" / f"{place}-{seed}"
            write_fake_run(path, variant=variant, seed=seed, accuracy=accuracy, **run)
    return folder


class Page(HTMLParser):
    """Tables and attributes of a page; fails on tags that are not closed in order."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.rows: list[list[str]] = []
        self.text = ""
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        self.tags.append(tag)
        if tag not in VOID:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if {"style", "script"} & set(self.open):
            return
        self.text += data
        if {"td", "th"} & set(self.open):
            self.rows[-1][-1] += data

    def values(self, name: str) -> list[str]:
        return [value for _, found, value in self.attributes if found == name]

    def row(self, *start: str) -> list[str]:
        return next(row for row in self.rows if row[: len(start)] == list(start))


def page_of(folder: Path) -> Page:
    return Page(report(folder, only_page=True).page.read_text(encoding="utf-8"))


def signed(fraction: float) -> str:
    return f"{100 * fraction:+.2f}".replace("-", "\N{MINUS SIGN}")


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_fake_study(tmp_path_factory.mktemp("report") / "study", ACCURACIES)


@pytest.fixture(scope="module")
def html(study: Path) -> str:
    return report(study, only_page=True).page.read_text(encoding="utf-8")


def test_stands_at_the_top_of_the_study(study: Path, html: str) -> None:
    assert report(study, only_page=True).page == study / "report.html"
    assert (study / "report.html").read_text(encoding="utf-8") == html
    assert len(html) < 500_000


def test_is_the_same_from_a_copy_of_the_records(study: Path, html: str, tmp_path: Path) -> None:
    copy = shutil.copytree(study, tmp_path / "elsewhere", ignore=shutil.ignore_patterns("*.html"))
    assert report(copy, only_page=True).page.read_text(encoding="utf-8") == html


def test_needs_no_torch_nor_the_users_matplotlib_settings(
    study: Path, html: str, tmp_path: Path
) -> None:
    (tmp_path / "matplotlibrc").write_text("font.size: 30\naxes.grid: True\nsvg.fonttype: path\n")
    code = "import sys; from pathlib import Path; from foveal.report import report; "
    code += "report(Path(sys.argv[1]), only_page=True); assert 'torch' not in sys.modules"
    copy = shutil.copytree(study, tmp_path / "copy", ignore=shutil.ignore_patterns("*.html"))
    settings = {**os.environ, "MATPLOTLIBRC": str(tmp_path)}
    subprocess.run([sys.executable, "-c", code, str(copy)], env=settings, check=True)
    assert (copy / "report.html").read_text(encoding="utf-8") == html


def test_table_has_the_numbers_of_the_statistics(html: str) -> None:
    page = Page(html)
    assert page.row("none", "3")[3:6] == [ABSENT, ABSENT, "baseline"]
    for found in compare_variants(ACCURACIES, margin=0.01):
        values = 100 * np.array(ACCURACIES[found.variant])
        mean, sem = values.mean(), scipy.stats.sem(values)
        around = scipy.stats.t.interval(0.95, 2, loc=mean, scale=sem)
        both = found.interval, found.equivalence_interval
        assert page.row(found.variant, "3")[2:] == [
            f"{mean:.2f} ± {values.std(ddof=1):.2f}{around[0]:.2f} to {around[1]:.2f}",
            signed(found.difference),
            "".join(f"[{signed(low)}, {signed(high)}]" for low, high in both),
            found.verdict,
            "2,202,122",
            "11.0",
        ]
    assert "Welch interval at 97.5 %" in page.text
    assert "margin of 1.0 points" in page.text


def test_sentences_come_first(html: str) -> None:
    text = " ".join(Page(html).text.split())
    better, undecided = compare_variants(ACCURACIES, margin=0.01)
    assert (better.verdict, undecided.verdict) == ("better", "undecided")
    first = text.index("channel is better than none: by at least")
    second = text.index("series:reduction=8 is undecided against none: the difference may lie")
    assert first < second < text.index("Result")


def test_every_svg_is_xml_and_ids_are_unique(html: str) -> None:
    pictures = re.findall(r"<svg.*?</svg>", html, flags=re.DOTALL)
    curves, matrices = (
        2 + 3 + 3,
        3 + 2 + 3,
    )  # together, by variant, by seed; share, difference, count
    assert len(pictures) == 1 + curves + matrices + 1  # forest, classes
    for picture in pictures:
        assert ET.fromstring(picture).attrib["aria-label"]
    ids = Page(html).values("id")
    assert len(ids) == len(set(ids))


def test_a_pointer_is_told_the_numbers(html: str) -> None:
    better = compare_variants(ACCURACIES, margin=0.01)[0]
    low, high = map(signed, better.interval)
    forest = next(p for p in re.findall(r"<svg.*?</svg>", html, re.DOTALL) if "Difference to" in p)
    told = [title.text for title in ET.fromstring(forest).iter("{http://www.w3.org/2000/svg}title")]
    assert told[0] == (
        f"channel: {signed(better.difference)} points, 97.5 % interval [{low}, {high}]"
    )


def test_nothing_is_fetched(html: str) -> None:
    page = Page(html)
    addresses = page.values("src") + page.values("href")
    assert addresses
    assert all(address.startswith(("data:image/png;base64,", "#")) for address in addresses)
    assert all(target.startswith("#") for target in re.findall(r"url\(([^)]*)\)", html))
    assert {tag for tag, _, _ in page.attributes} & {"link", "iframe", "object", "base"} == set()
    outside = re.findall(r"https?://[^\"<\s]*", html)
    assert set(outside) == {"http://www.w3.org/2000/svg"}


def test_the_policy_knows_the_script_and_nothing_else(html: str) -> None:
    scripts = re.findall(r"<script>(.*?)</script>", html, flags=re.DOTALL)
    assert len(scripts) == 1
    known = base64.b64encode(hashlib.sha256(scripts[0].encode()).digest()).decode()
    policy = next(v for _, name, v in Page(html).attributes if name == "content" and "-src" in v)
    assert f"script-src 'sha256-{known}';" in policy
    assert "default-src 'none'" in policy
    assert all("src" not in tag for tag in re.findall(r"<script[^>]*>", html))


def test_tables_and_images_can_be_read_aloud(html: str) -> None:
    page = Page(html)
    headers = html.count("<th ") + html.count("<th>")
    assert headers == len([scope for scope in page.values("scope") if scope in ("row", "col")])
    assert len(page.values("alt")) == html.count("<img")


@pytest.mark.parametrize("hostile", ["<script>alert(1)</script>", "$x_2$ & '\"", "{{ 7 * 7 }}"])
def test_names_are_text(tmp_path: Path, hostile: str) -> None:
    classes = (hostile, "日本", "_hidden", "\x07bell\n")
    folder = write_fake_study(tmp_path / "s", {"none": [0.5], "channel": [0.6]}, classes=classes)
    page = page_of(folder)
    assert page.tags.count("script") == 2  # the page's own and its numbers
    assert page.row(hostile)
    assert "\N{REPLACEMENT CHARACTER}bell\N{REPLACEMENT CHARACTER}" in page.text
    assert "日本" in page.text
    pictures = re.findall(r"<svg.*?</svg>", (folder / "report.html").read_text(), re.DOTALL)
    texts = [text.text or "" for picture in pictures for text in ET.fromstring(picture).iter(
        "{http://www.w3.org/2000/svg}text")]  # fmt: skip
    assert any(
        text and text in {shorten_name(hostile, longest) for longest in (12, 16)} for text in texts
    )


def test_one_run_gets_a_page_without_verdict(tmp_path: Path) -> None:
    folder = write_fake_run(tmp_path / "run", variant="series", seed=4, accuracy=0.8125)
    page = page_of(folder)
    assert page.row("series", "4")[2] == "81.25"
    assert "81.25 %" in page.text
    assert "nothing about the method" in page.text
    assert "undecided" not in page.text
    assert "difference in points" not in page.text


@pytest.mark.parametrize("seeds", [1, 2])
def test_too_few_seeds_have_a_difference_but_no_interval(tmp_path: Path, seeds: int) -> None:
    accuracies = {"none": [0.7, 0.72][:seeds], "channel": [0.8, 0.82][:seeds]}
    page = page_of(write_fake_study(tmp_path / "s", accuracies, planned_seeds=seeds, epochs=1))
    assert page.row("channel", str(seeds))[3:6] == ["+10.00", ABSENT, "undecided"]
    assert "No interval without 3 seeds in both arms" in page.text
    assert "nan" not in page.text
    assert "Shaded: the margin" not in page.text


def test_says_what_is_not_trained_yet(tmp_path: Path) -> None:
    accuracies = {"none": [0.7, 0.71, 0.72], "channel": [0.8, 0.81]}
    variants = ["none", "channel", "spatial"]
    page = page_of(write_fake_study(tmp_path / "s", accuracies, variants=variants))
    assert "fewer have: channel (2), spatial (0)." in page.text
    assert page.row("channel")[1] == "2planned 3"


def test_marks_more_seeds_than_planned(tmp_path: Path) -> None:
    page = page_of(write_fake_study(tmp_path / "s", TWO, planned_seeds=2))
    assert "planned for 2 seeds; more have: none (3), channel (3)" in page.text
    assert "false alarm" in page.text


def test_says_that_the_baseline_is_missing(tmp_path: Path) -> None:
    page = page_of(write_fake_study(tmp_path / "s", {"channel": [0.8, 0.81, 0.82]}))
    assert "--attention none,channel" in page.text
    assert "difference in points" not in page.text


def test_baseline_alone_has_nothing_to_compare(tmp_path: Path) -> None:
    page = page_of(write_fake_study(tmp_path / "s", {"none": [0.8, 0.81, 0.82]}))
    assert "nothing to compare" in page.text


def test_says_that_the_data_differ(tmp_path: Path) -> None:
    folder = write_fake_study(tmp_path / "s", TWO)
    path = folder / "runs" / "0-0" / "results.json"
    path.write_text(path.read_text().replace("c0ffee", "decaf0"))
    write_manifest(path.parent)
    page = page_of(folder)
    assert "did not all read the same data" in page.text
    assert "sha256:c0ffee, sha256:decaf0" in page.text


def test_top5_error_from_twenty_classes_on(tmp_path: Path, html: str) -> None:
    assert "top-5 error in %" not in html
    names = [f"class {place}" for place in range(25)]
    page = page_of(write_fake_run(tmp_path / "run", classes=names))
    assert page.row("none", "30.00")[2] == "8.75"
    assert "the 20 hardest of 25" in page.text
    assert page.row("class 24")


def test_class_accuracy_and_confusion_are_those_of_the_records(tmp_path: Path) -> None:
    folder = write_fake_study(tmp_path / "s", {"none": [0.5, 0.6, 0.7]})
    confusions = []
    for path in sorted(folder.glob("runs/*/predictions.npz")):
        with np.load(path) as stored:
            confusions.append(stored["confusion"])
    cat = [100 * confusion[0, 0] / confusion[0].sum() for confusion in confusions]
    page = page_of(folder)
    mean, sem = np.mean(cat), scipy.stats.sem(cat)
    low, high = np.clip(scipy.stats.t.interval(0.95, 2, loc=mean, scale=sem), 0, 100)
    assert page.row("cat") == ["cat", f"{mean:.1f}{low:.1f} to {high:.1f}"]
    total = np.sum(confusions, axis=0)
    share = 100 * total[1, 2] / total[1].sum()
    assert f">{share:.0f}</text>" in (folder / "report.html").read_text()


def test_class_without_test_images_has_no_accuracy(tmp_path: Path) -> None:
    folder = write_fake_run(tmp_path / "run")
    path = folder / "predictions.npz"
    with np.load(path) as stored:
        arrays = dict(stored)
    arrays["confusion"][1] = 0
    with path.open("wb") as file:
        np.savez(file, **arrays)
    write_manifest(folder)
    assert page_of(folder).row("dog") == ["dog", ABSENT]


def test_survives_a_run_that_diverged(tmp_path: Path) -> None:
    folder = write_fake_study(tmp_path / "s", TWO)
    path = folder / "runs" / "1-1" / "metrics.csv"
    path.write_text(re.sub(r",1\.05,", ",nan,", path.read_text()))
    assert "nan" in path.read_text()
    write_manifest(path.parent)
    assert page_of(folder).row("channel", "3")


@pytest.mark.parametrize("shape", [(2, 5, 7, 1), (2, 150, 200, 3)])
def test_batch_of_any_shape_becomes_small_pictures(tmp_path: Path, shape: tuple[int, ...]) -> None:
    folder = write_fake_run(tmp_path / "run")
    images = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    with (folder / "training_batch.npz").open("wb") as file:
        np.savez(file, images=images, labels=np.array([0, 2]))
    write_manifest(folder)
    sources = page_of(folder).values("src")
    assert len(sources) == 2
    assert max(map(len, sources)) < 60_000


def test_shows_how_it_was_made(html: str) -> None:
    page = Page(html)
    assert "foveal ablate <fake>" in page.text
    assert page.row("planned_seeds") == ["planned_seeds", "3"]
    assert page.row("torch") == ["torch", "2.13.0"]
    assert page.row("date") == ["date", "day 0; day 1; day 2"]
    assert page.row("channel", "0, 1 and 2")
    assert page.row("checksum of the data")[1] == "sha256:c0ffee"


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize(
    "name",
    [
        "results.json",
        "environment.json",
        "config.toml",
        "metrics.csv",
        "predictions.npz",
        "training_batch.npz",
    ],
)
@pytest.mark.parametrize("write", [write_fake_run, lambda f: write_fake_study(f, TWO)])
def test_damaged_record_is_an_error_and_leaves_no_page(
    tmp_path: Path, name: str, write: Callable[[Path], Path]
) -> None:
    folder = write(tmp_path / "folder")
    cut(next(folder.rglob(name)))
    with pytest.raises(FovealError, match="damaged"):
        report(folder)
    assert not list(folder.glob("*report*"))


def test_unknown_folder_is_a_usage_error(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(UsageError, match="neither a study nor a finished run"):
            report(folder)


def test_study_without_a_run_is_a_usage_error(tmp_path: Path) -> None:
    folder = write_fake_study(tmp_path / "s", {"none": []})
    with pytest.raises(UsageError, match="no finished run yet"):
        report(folder)
