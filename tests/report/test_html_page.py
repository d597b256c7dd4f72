"""Pages of studies and runs: numbers, warnings, escaping, policy and damaged records."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import scipy.stats

from foveal.errors import FovealError, UsageError
from foveal.records.manifest import write_manifest
from foveal.report import write_report
from foveal.stats import compare_variants, compute_detectable_difference
from foveal.text_format import ABSENT_VALUE, shorten_name
from report.fake_records import ACCURACIES, TWO_VARIANTS, write_fake_run, write_fake_study
from report.report_page import ReportPage, read_report

SVG_NAMESPACE = "{http://www.w3.org/2000/svg}"


def format_signed(fraction: float) -> str:
    return f"{100 * fraction:+.2f}".replace("-", "\N{MINUS SIGN}")


def find_svgs(html: str) -> list[str]:
    return re.findall(r"<svg.*?</svg>", html, flags=re.DOTALL)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_fake_study(tmp_path_factory.mktemp("report") / "study", ACCURACIES)


@pytest.fixture(scope="module")
def html(study: Path) -> str:
    page = write_report(study, only_page=True).page
    assert page == study / "report.html"
    return page.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(html: str) -> ReportPage:
    return ReportPage(html)


def test_page_depends_neither_on_torch_nor_on_matplotlib_settings(
    study: Path, html: str, tmp_path: Path
) -> None:
    (tmp_path / "matplotlibrc").write_text("font.size: 30\naxes.grid: True\nsvg.fonttype: path\n")
    code = "import sys; from pathlib import Path; from foveal.report import write_report; "
    code += "write_report(Path(sys.argv[1]), only_page=True); assert 'torch' not in sys.modules"
    copy = shutil.copytree(study, tmp_path / "copy", ignore=shutil.ignore_patterns("*.html"))
    settings = {**os.environ, "MATPLOTLIBRC": str(tmp_path)}
    subprocess.run([sys.executable, "-c", code, str(copy)], env=settings, check=True)
    assert (copy / "report.html").read_text(encoding="utf-8") == html
    assert len(html) < 500_000


def test_results_table_has_the_numbers_of_the_statistics(page: ReportPage) -> None:
    assert page.find_row("none", "3")[3:6] == [ABSENT_VALUE, ABSENT_VALUE, "baseline"]
    for comparison in compare_variants(ACCURACIES, margin=0.01):
        values = 100 * np.array(ACCURACIES[comparison.variant])
        mean, sem = values.mean(), scipy.stats.sem(values)
        low, high = scipy.stats.t.interval(0.95, 2, loc=mean, scale=sem)
        intervals = comparison.interval, comparison.equivalence_interval
        assert page.find_row(comparison.variant, "3")[2:] == [
            f"{mean:.2f} ± {values.std(ddof=1):.2f}{low:.2f} to {high:.2f}",
            format_signed(comparison.difference),
            "".join(f"[{format_signed(low)}, {format_signed(high)}]" for low, high in intervals),
            comparison.verdict,
            "2,202,122",
            "11.0",
        ]
    assert "Welch interval at 97.5 %" in page.text
    assert "margin of 1.0 points" in page.text


def test_verdicts_come_before_the_sections(page: ReportPage) -> None:
    text = " ".join(page.text.split())
    better, undecided = compare_variants(ACCURACIES, margin=0.01)
    assert (better.verdict, undecided.verdict) == ("better", "undecided")
    first = text.index("channel is better than none: by at least")
    second = text.index("cbam:reduction=8 is undecided compared with none: the difference")
    assert first < second < text.index("Results")


def test_controls_have_a_row_a_sentence_and_a_point_in_the_figure(tmp_path: Path) -> None:
    control = "same-time:like=channel"
    accuracies = {**TWO_VARIANTS, control: [0.70, 0.75, 0.78]}
    folder = write_fake_study(tmp_path / "study", accuracies, controls=[control])
    page = read_report(folder)
    contrast = compare_variants(accuracies, margin=0.01, contrasts=[("channel", control)])[2]
    row = page.find_row("channel minus same-time", "3")
    assert row[3] == format_signed(contrast.difference)
    assert row[4].startswith("[" + ", ".join(map(format_signed, contrast.interval)) + "]")
    assert row[5] == contrast.verdict == "undecided"
    assert f"channel is undecided compared with {control}: the difference" in " ".join(
        page.text.split()
    )
    html = (folder / "report.html").read_text()
    forest = next(svg for svg in find_svgs(html) if "Difference to" in svg)
    tooltips = [title.text for title in ET.fromstring(forest).iter(f"{SVG_NAMESPACE}title")]
    assert [(text or "").split(":")[0] for text in tooltips] == [
        "channel",
        "channel minus same-time",
        "same-time",
    ]


def test_title_and_table_say_first_that_nothing_was_learned(tmp_path: Path) -> None:
    accuracies = {"none": [0.34, 0.33, 0.335], "channel": [0.31, 0.30, 0.305]}
    page = read_report(write_fake_study(tmp_path / "study", accuracies))
    reason = "neither arm is better than guessing"
    assert page.text.strip().startswith(
        f"Does attention help convnet on scenes? Undecided: {reason}, which reaches 33.3 %."
    )
    assert page.find_row("channel", "3")[5] == f"undecided{reason}"
    assert f"channel is undecided compared with none: {reason}" in " ".join(page.text.split())


def test_undecided_study_says_what_more_seeds_would_show(tmp_path: Path) -> None:
    accuracies = {"none": [0.70, 0.71, 0.72], "channel": [0.715, 0.70, 0.705]}
    page = read_report(write_fake_study(tmp_path / "study", accuracies))
    assert "What it would take to decide" in page.text
    sd = float(np.sqrt(np.mean([np.var(values, ddof=1) for values in accuracies.values()])))
    for seeds, minutes in ((5, "2 min"), (10, "4 min"), (20, "7 min"), (50, "18 min")):
        difference = compute_detectable_difference(sd=sd, seeds=seeds)
        assert page.find_row(str(seeds), f"{100 * difference:.2f}", minutes)
    decided = {"none": [0.70, 0.71, 0.72], "channel": [0.90, 0.91, 0.92]}
    page = read_report(write_fake_study(tmp_path / "decided", decided))
    assert "What it would take to decide" not in page.text


def test_every_svg_is_xml_and_ids_are_unique(html: str, page: ReportPage) -> None:
    svgs = find_svgs(html)
    curves = 2 + 3 + 3  # all variants, by variant, by seed
    matrices = 3 + 2 + 3  # shares, differences, counts
    assert len(svgs) == 1 + curves + matrices + 1  # with forest plot and class accuracies
    for svg in svgs:
        assert ET.fromstring(svg).attrib["aria-label"]
    ids = page.attribute_values("id")
    assert len(ids) == len(set(ids))


def test_tooltips_show_the_numbers(html: str) -> None:
    better = compare_variants(ACCURACIES, margin=0.01)[0]
    low, high = map(format_signed, better.interval)
    forest = next(svg for svg in find_svgs(html) if "Difference to" in svg)
    tooltips = [title.text for title in ET.fromstring(forest).iter(f"{SVG_NAMESPACE}title")]
    assert tooltips[0] == (
        f"channel: {format_signed(better.difference)} points, 97.5 % interval [{low}, {high}]"
    )


def test_page_fetches_nothing(html: str, page: ReportPage) -> None:
    addresses = page.attribute_values("src") + page.attribute_values("href")
    assert addresses
    assert all(address.startswith(("data:image/png;base64,", "#")) for address in addresses)
    assert all(target.startswith("#") for target in re.findall(r"url\(([^)]*)\)", html))
    assert {tag for tag, _, _ in page.attributes} & {"link", "iframe", "object", "base"} == set()
    urls = re.findall(r"https?://[^\"<\s]*", html)
    assert set(urls) == {"http://www.w3.org/2000/svg"}


def test_policy_allows_the_script_of_the_page_only(html: str, page: ReportPage) -> None:
    scripts = re.findall(r"<script>(.*?)</script>", html, flags=re.DOTALL)
    assert len(scripts) == 1
    script_hash = base64.b64encode(hashlib.sha256(scripts[0].encode()).digest()).decode()
    policy = next(v for _, name, v in page.attributes if name == "content" and "-src" in v)
    assert f"script-src 'sha256-{script_hash}';" in policy
    assert "default-src 'none'" in policy
    assert all("src" not in tag for tag in re.findall(r"<script[^>]*>", html))


def test_tables_and_images_have_labels_for_screen_readers(html: str, page: ReportPage) -> None:
    headers = html.count("<th ") + html.count("<th>")
    scopes = page.attribute_values("scope")
    assert headers == len([scope for scope in scopes if scope in ("row", "col")])
    assert len(page.attribute_values("alt")) == html.count("<img")


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "$x_2$ & '\"", "{{ 7 * 7 }}"])
def test_class_names_are_text(tmp_path: Path, name: str) -> None:
    classes = (name, "日本", "_hidden", "\x07bell\n")
    folder = write_fake_run(tmp_path / "run", classes=classes, epochs=1)
    page = read_report(folder)
    assert page.tags.count("script") == 2  # the script of the page and the numbers for it
    assert page.find_row(name)
    assert "\N{REPLACEMENT CHARACTER}bell\N{REPLACEMENT CHARACTER}" in page.text
    assert "日本" in page.text
    texts = [
        text.text or ""
        for svg in find_svgs((folder / "report.html").read_text())
        for text in ET.fromstring(svg).iter(f"{SVG_NAMESPACE}text")
    ]
    short_names = {shorten_name(name, length) for length in (12, 16)}
    assert any(text and text in short_names for text in texts)


def test_single_run_has_no_verdict(tmp_path: Path) -> None:
    folder = write_fake_run(tmp_path / "run", variant="cbam", seed=4, accuracy=0.8125)
    page = read_report(folder)
    assert page.find_row("cbam", "4")[2] == "81.25"
    assert "81.25 %" in page.text
    assert "nothing about the method" in page.text
    assert "undecided" not in page.text
    assert "difference in points" not in page.text


@pytest.mark.parametrize("seeds", [1, 2])
def test_too_few_seeds_give_a_difference_without_interval(tmp_path: Path, seeds: int) -> None:
    accuracies = {"none": [0.7, 0.72][:seeds], "channel": [0.8, 0.82][:seeds]}
    page = read_report(
        write_fake_study(tmp_path / "study", accuracies, planned_seeds=seeds, epochs=1)
    )
    assert page.find_row("channel", str(seeds))[3:6] == ["+10.00", ABSENT_VALUE, "undecided"]
    assert "An interval needs 3 seeds of both variants" in page.text
    assert not re.search(r"\bnan\b", page.text)
    assert "The shaded band is the margin" not in page.text


def test_warns_about_missing_seeds(tmp_path: Path) -> None:
    accuracies = {"none": [0.7, 0.71, 0.72], "channel": [0.8, 0.81]}
    variants = ["none", "channel", "spatial"]
    page = read_report(write_fake_study(tmp_path / "study", accuracies, variants=variants))
    assert "have fewer: channel (2), spatial (0)." in page.text
    assert page.find_row("channel")[1] == "2planned 3"


def test_warns_about_different_data(tmp_path: Path) -> None:
    folder = write_fake_study(tmp_path / "study", TWO_VARIANTS)
    path = folder / "runs" / "0-0" / "results.json"
    path.write_text(path.read_text().replace("c0ffee", "decaf0"))
    write_manifest(path.parent)
    page = read_report(folder)
    assert "did not all read the same data" in page.text
    assert "sha256:c0ffee, sha256:decaf0" in page.text


def test_shows_top5_error_from_20_classes_on(tmp_path: Path, html: str) -> None:
    assert "top-5 error in %" not in html
    names = [f"class {label}" for label in range(25)]
    page = read_report(write_fake_run(tmp_path / "run", classes=names, epochs=1))
    assert page.find_row("none", "30.00")[2] == "8.75"
    assert "20 hardest of 25" in page.text
    assert page.find_row("class 24")


def test_class_accuracies_and_confusion_are_those_of_the_records(tmp_path: Path) -> None:
    folder = write_fake_study(tmp_path / "study", {"none": [0.5, 0.6, 0.7]})
    confusions = []
    for path in sorted(folder.glob("runs/*/predictions.npz")):
        with np.load(path) as arrays:
            confusions.append(arrays["confusion"])
    cat = [100 * confusion[0, 0] / confusion[0].sum() for confusion in confusions]
    page = read_report(folder)
    mean, sem = np.mean(cat), scipy.stats.sem(cat)
    low, high = np.clip(scipy.stats.t.interval(0.95, 2, loc=mean, scale=sem), 0, 100)
    assert page.find_row("cat") == ["cat", f"{mean:.1f}{low:.1f} to {high:.1f}"]
    total = np.sum(confusions, axis=0)
    share = 100 * total[1, 2] / total[1].sum()
    assert f">{share:.0f}</text>" in (folder / "report.html").read_text()


def test_class_without_test_images_has_no_accuracy(tmp_path: Path) -> None:
    folder = write_fake_run(tmp_path / "run", epochs=1)
    path = folder / "predictions.npz"
    with np.load(path) as stored:
        arrays = dict(stored)
    arrays["confusion"][1] = 0
    with path.open("wb") as file:
        np.savez(file, **arrays)
    write_manifest(folder)
    assert read_report(folder).find_row("dog") == ["dog", ABSENT_VALUE]


def test_diverged_run_is_shown(tmp_path: Path) -> None:
    folder = write_fake_study(tmp_path / "study", TWO_VARIANTS)
    path = folder / "runs" / "1-1" / "metrics.csv"
    path.write_text(re.sub(r",1\.05,", ",nan,", path.read_text()))
    assert "nan" in path.read_text()
    write_manifest(path.parent)
    assert read_report(folder).find_row("channel", "3")


@pytest.mark.parametrize("shape", [(2, 5, 7, 1), (2, 150, 200, 3)])
def test_training_batch_of_any_shape_is_shown_small(tmp_path: Path, shape: tuple[int, ...]) -> None:
    folder = write_fake_run(tmp_path / "run", epochs=1)
    images = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    with (folder / "training_batch.npz").open("wb") as file:
        np.savez(file, images=images, labels=np.array([0, 2]))
    write_manifest(folder)
    sources = read_report(folder).attribute_values("src")
    assert len(sources) == 2
    assert max(map(len, sources)) < 60_000


def test_shows_provenance(page: ReportPage) -> None:
    assert "foveal ablate <fake>" in page.text
    assert page.find_row("planned_seeds") == ["planned_seeds", "3"]
    assert page.find_row("torch") == ["torch", "2.13.0"]
    assert page.find_row("date") == ["date", "day 0; day 1; day 2"]
    assert page.find_row("channel", "0, 1 and 2")
    assert page.find_row("data checksum")[1] == "sha256:c0ffee"


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
@pytest.mark.parametrize("write", [write_fake_run, lambda f: write_fake_study(f, TWO_VARIANTS)])
def test_damaged_record_raises_and_leaves_no_page(
    tmp_path: Path, name: str, write: Callable[[Path], Path]
) -> None:
    folder = write(tmp_path / "folder")
    path = next(folder.rglob(name))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(FovealError, match="damaged"):
        write_report(folder)
    assert not list(folder.glob("*report*"))


def test_refuses_other_folders(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(UsageError, match="neither a study nor a finished run"):
            write_report(folder)


def test_refuses_a_study_without_runs(tmp_path: Path) -> None:
    folder = write_fake_study(tmp_path / "study", {"none": []})
    with pytest.raises(UsageError, match="no finished run yet"):
        write_report(folder)
