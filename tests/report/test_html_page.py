"""Pages of studies and runs: numbers, warnings, escaping, policy and damaged records."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import scipy.stats

from foveal.analysis import compare_cell_variants, write_cell_answer
from foveal.errors import FovealError, UsageError
from foveal.records import read_design, read_study, write_design
from foveal.records.manifest import write_manifest
from foveal.report import write_report
from foveal.report.inline_text import remove_inline_markup
from foveal.stats import (
    compare_variants,
    compute_detectable_difference,
    plan_looks,
    run_equivalence_test,
)
from foveal.text_format import ABSENT_VALUE, format_fixed, shorten_name
from report.fake_records import (
    ACCURACIES,
    TWO_VARIANTS,
    write_fake_run,
    write_fake_study,
    write_full_study,
)
from report.report_page import ReportPage, read_report

SVG_NAMESPACE = "{http://www.w3.org/2000/svg}"


def format_signed(fraction: float, decimals: int = 2) -> str:
    return f"{100 * fraction:+.{decimals}f}".replace("-", "\N{MINUS SIGN}")


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


@pytest.fixture(scope="module")
def full_html(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The page of ten classes and five variants with all extras."""
    folder = write_full_study(tmp_path_factory.mktemp("full") / "study")
    return write_report(folder, only_page=True).page.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def full_page(full_html: str) -> ReportPage:
    assert len(full_html) < 400_000
    return ReportPage(full_html)


def test_page_needs_neither_torch_nor_matplotlib(study: Path, html: str, tmp_path: Path) -> None:
    code = "import sys; from pathlib import Path; from foveal.report import write_report; "
    code += "write_report(Path(sys.argv[1]), only_page=True); "
    code += "assert not {'torch', 'matplotlib.pyplot'} & sys.modules.keys()"
    copy = shutil.copytree(
        study, tmp_path / "copy" / study.name, ignore=shutil.ignore_patterns("*.html")
    )
    subprocess.run([sys.executable, "-c", code, str(copy)], check=True)
    assert (copy / "report.html").read_text(encoding="utf-8") == html
    assert len(html) < 200_000


def test_results_table_has_the_numbers_of_the_statistics(page: ReportPage) -> None:
    none = page.find_row("noneno attention")
    assert none[3:5] == [ABSENT_VALUE, "· baseline"]
    for comparison in compare_variants(ACCURACIES, margin=0.01):
        values = 100 * np.array(ACCURACIES[comparison.variant])
        row = next(row for row in page.rows if row and row[0].startswith(comparison.variant))
        decimals = 1  # the wider of the two intervals is wider than two points
        assert row[1] == f"{values.mean():.{decimals}f} ± {values.std(ddof=1):.{decimals}f} %"
        decimals = 2 if comparison.interval[1] - comparison.interval[0] < 0.02 else 1
        shown = [comparison.difference, *comparison.interval]
        difference, low, high = (format_signed(value, decimals) for value in shown)
        assert row[3] == f"{difference}{low} to {high}"
        assert row[4].endswith(comparison.verdict)
        assert row[5] == f"2.202 M{ABSENT_VALUE}"
    assert "each interval is made at 97.5 %" in page.text
    assert "a difference under 1 point does not matter" in page.text


def test_every_seed_is_a_circle_at_its_difference(html: str) -> None:
    for comparison in compare_variants(ACCURACIES, margin=0.01):
        label = f'aria-label="{comparison.variant}: difference'
        svg = ET.fromstring(next(each for each in find_svgs(html) if label in each))
        circles = [each for each in svg if each.attrib.get("class", "").startswith("o ")]
        baseline = np.mean(ACCURACIES["none"])
        differences = 100 * (np.array(ACCURACIES[comparison.variant]) - baseline)
        positions = np.array([float(circle.attrib["cx"]) for circle in circles])
        titles = [each.text or "" for each in svg.iter(f"{SVG_NAMESPACE}title")]
        for title, difference in zip(titles, differences, strict=True):
            assert f"{format_signed(difference / 100, 1)} points from the mean of none" in title
        # One scale: positions grow linearly with differences.
        slope, _ = np.polyfit(differences, positions, 1)
        zero = next(each for each in svg if each.attrib.get("class") == "zero")
        origin = float(zero.attrib["d"].split()[0].removeprefix("M"))
        np.testing.assert_allclose(positions, origin + slope * differences, atol=0.5)


def test_question_and_answer_come_before_the_sections(page: ReportPage) -> None:
    text = " ".join(page.text.split())
    better, undecided = compare_variants(ACCURACIES, margin=0.01)
    assert (better.verdict, undecided.verdict) == ("better", "undecided")
    first = text.index("Does attention help ConvNet on scenes?")
    second = text.index("Mixed: channel (+9.5 points, interval ")
    assert first < second < text.index("Test accuracy after the last epoch")


def test_the_answer_is_the_one_of_the_terminal(study: Path, page: ReportPage) -> None:
    record = read_study(study)
    answer = write_cell_answer(record, compare_cell_variants(record))
    assert remove_inline_markup(answer.text) in " ".join(page.text.split())


def test_equivalent_variants_show_the_interval_that_decides(full_page: ReportPage) -> None:
    accuracies = [0.700, 0.701, 0.702], [0.702, 0.701, 0.7005]
    alpha = 0.05 / 4
    test = run_equivalence_test(accuracies[1], accuracies[0], margin=0.01, alpha=alpha)
    low, high = (format_signed(bound) for bound in test.interval)
    row = next(row for row in full_page.rows if row and row[0].startswith("spatial"))
    assert row[3] == f"{format_signed(test.welch.difference)}{low} to {high}"
    assert row[4] == "= equivalent"


def test_controls_have_a_row_with_their_interval(tmp_path: Path) -> None:
    control = "same-time:like=channel"
    accuracies = {**TWO_VARIANTS, control: [0.70, 0.75, 0.78]}
    folder = write_fake_study(tmp_path / "study", accuracies, controls=[control])
    page = read_report(folder)
    contrast = compare_variants(accuracies, margin=0.01, contrasts=[("channel", control)])[2]
    row = next(row for row in page.rows if row and row[0] == "channel − same-time")
    low, high = (format_signed(bound, 1) for bound in contrast.interval)
    assert row[3] == f"{format_signed(contrast.difference, 1)}{low} to {high}"
    assert row[4] == f"? {contrast.verdict}" == "? undecided"
    text = " ".join(page.text.split())
    assert "channel is not shown to be better than the plain network trained for as long" in text


def test_title_and_table_say_first_that_nothing_was_learned(tmp_path: Path) -> None:
    accuracies = {"none": [0.34, 0.33, 0.335], "channel": [0.31, 0.30, 0.305]}
    page = read_report(write_fake_study(tmp_path / "study", accuracies))
    html = (tmp_path / "study" / "report.html").read_text()
    title = "Does channel attention help ConvNet on scenes? Not shown: nothing was learned."
    assert f"<title>{title}</title>" in html
    text = " ".join(page.text.split())
    reason = "Not shown: neither the network without attention nor channel is better than guessing"
    assert text.index(reason) < text.index("Test accuracy after the last epoch")
    row = next(row for row in page.rows if row and row[0].startswith("channel"))
    assert row[4] == "? undecidedno better than guessing"


def test_undecided_study_says_what_more_seeds_would_show(tmp_path: Path) -> None:
    accuracies = {"none": [0.70, 0.71, 0.72], "channel": [0.715, 0.70, 0.705]}
    page = read_report(write_fake_study(tmp_path / "study", accuracies))
    assert "What it would take to decide" in page.text
    sd = float(np.sqrt(np.mean([np.var(values, ddof=1) for values in accuracies.values()])))
    for seeds, minutes in ((5, "2 min"), (10, "4 min"), (20, "7 min"), (50, "18 min")):
        difference = compute_detectable_difference(sd=sd, seeds=seeds)
        assert page.find_row(str(seeds), f"{100 * difference:.1f} points", minutes)
    decided = {"none": [0.70, 0.71, 0.72], "channel": [0.90, 0.91, 0.92]}
    page = read_report(write_fake_study(tmp_path / "decided", decided))
    assert "What it would take to decide" not in page.text


def test_sequential_study_shows_every_look(tmp_path: Path) -> None:
    accuracies = {
        "none": [0.700, 0.702, 0.704, 0.703, 0.701],
        "channel": [0.740, 0.750, 0.745, 0.744, 0.746],
        "cbam": [0.700, 0.710, 0.720, 0.690, 0.700],
    }
    folder = write_fake_study(tmp_path / "study", accuracies, planned_seeds=20)
    looks = (4, 5, 6, 8, 10, 14, 20)
    write_design(folder, replace(read_design(folder), looks=looks, stops_when_unlikely=False))
    page = read_report(folder)
    text = " ".join(page.text.split())
    assert "channel was decided at 4 seeds." in text
    assert "The next look at cbam is at 6 seeds." in text
    labels = [v for v in page.attribute_values("aria-label") if "at each look" in v]
    design = plan_looks(20, comparisons=2)
    for label, (variant, counts) in zip(
        labels, {"channel": [4], "cbam": [4, 5]}.items(), strict=True
    ):
        for look, seeds in enumerate(counts):
            values, plain = accuracies[variant][:seeds], accuracies["none"][:seeds]
            test = scipy.stats.ttest_ind(values, plain, equal_var=False)
            bounds = test.confidence_interval(1 - design.difference_levels[look])
            decimals = 2 if bounds.high - bounds.low < 0.02 else 1
            low, high = (format_signed(bound, decimals) for bound in (bounds.low, bounds.high))
            assert f"{seeds} seeds " in label
            assert f", {low} to {high}" in label
    assert labels[0].endswith("; better")
    assert labels[1].endswith("; next look at 6 seeds")
    assert "The next look is at 6 seeds. The same command trains" in text
    assert "The study is not finished" not in text


def test_a_reviewer_finds_sizes_of_the_differences(full_page: ReportPage) -> None:
    none, channel = np.array([0.700, 0.701, 0.702]), np.array([0.750, 0.752, 0.751])
    row = full_page.find_row("channel", f"+{(channel - none).mean() / none.std(ddof=1):.1f}")
    assert row[2].startswith(f"+{100 * 0.05 / 0.299:.1f} %")
    assert row[3] == "100 %"
    assert full_page.find_row("none", ABSENT_VALUE, ABSENT_VALUE, ABSENT_VALUE)[4] == "0.00 ± 0.00"


def test_classes_have_intervals_that_hold_together(full_page: ReportPage) -> None:
    table = next(k for k, row in enumerate(full_page.rows) if row[:2] == ["class", "channel"])
    for row in full_page.rows[table + 1 : table + 11]:
        assert re.fullmatch(r"class \d", row[0])
        for cell in row[1:]:
            assert re.fullmatch(r"[+−]?\d+\.\d[+−]\d+\.\d to [+−]\d+\.\d", cell)
    assert (
        "The intervals are wide enough to hold for all 40 differences together. " in full_page.text
    )


def test_classes_with_an_interval_off_zero_are_named(tmp_path: Path) -> None:
    folder = write_fake_study(tmp_path / "study", TWO_VARIANTS)
    correct = {  # images of 100 that each seed gets right, by class
        "none": ([50, 51, 52], [60, 61, 62], [50, 60, 70]),
        "channel": ([80, 81, 82], [60, 62, 61], [80, 90, 97]),
    }
    for index, classes in enumerate(correct.values()):
        for seed, counts in enumerate(zip(*classes, strict=True)):
            path = folder / "runs" / f"{index}-{seed}" / "predictions.npz"
            with np.load(path) as stored:
                arrays = dict(stored)
            matrix = np.diag(counts)
            matrix += np.roll(np.diag(100 - np.array(counts)), 1, axis=1)
            with path.open("wb") as file:
                np.savez(file, **{**arrays, "confusion": matrix})
            write_manifest(path.parent)
    text = " ".join(read_report(folder).text.split())
    assert "Largest gain: channel on cat (+30.0, interval +" in text
    largest, off_zero = text.split(
        "The intervals are wide enough to hold for all 3 differences together. "
    )
    assert "contains 0" not in largest.rpartition("Largest gain: ")[2]
    assert re.match(
        r"One is off 0: channel on cat \(\+30\.0, interval \+\d\S+ to \+\S+\)\. The other 2 ",
        off_zero,
    )
    assert "The other 2 contain 0: large changes among them may be chance." in off_zero


def test_every_svg_is_xml_with_a_label_and_ids_are_unique(
    full_html: str, full_page: ReportPage
) -> None:
    svgs = [svg for svg in find_svgs(full_html) if 'role="img"' in svg]
    rows, curves, classes, matrices, conditions, costs = 5, 2 * 4, 4, 5, 2, 2
    tiles = 10 * 6 + 9 * 5  # images and maps, mean maps of the nine classes that all runs get right
    gates = 4 * (3 + 3 * 2)  # of each variant three images, and two maps of one site
    batch = 3
    figures = rows + curves + classes + matrices + conditions + costs
    assert len(svgs) == figures + tiles + gates + batch
    for svg in svgs:
        assert len(ET.fromstring(svg).attrib["aria-label"]) > 10
    for quantity in ("accuracy, %, mean", "Difference from none by class", "Training memory"):
        labels = [each for each in full_page.attribute_values("aria-label") if quantity in each]
        assert labels
        assert all(re.search(r"\d", label) for label in labels)
    ids = full_page.attribute_values("id")
    assert len(ids) == len(set(ids))


def test_headings_skip_no_level_and_links_lead_to_them(full_page: ReportPage) -> None:
    levels = [int(tag[1]) for tag in full_page.tags if re.fullmatch("h[1-6]", tag)]
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    targets = [v for tag, name, v in full_page.attributes if (tag, name) == ("a", "href")]
    ids = full_page.attribute_values("id")
    assert {target for target in targets if target.startswith("#")} <= {f"#{name}" for name in ids}


def test_sections_are_in_the_order_in_which_a_reader_asks(full_html: str) -> None:
    assert re.findall(r"<h2[^>]*>([^<]*)</h2>", full_html) == [
        "Results",
        "Learning curves",
        "Per class",
        "Confusion",
        "Where it looks",
        "Robustness",
        "Cost",
        "Is it a fair comparison?",
        "How it was done",
        "Data",
        "Raw tables",
    ]


@pytest.mark.parametrize("size", [25, 40])
def test_many_classes_keep_the_page_small(tmp_path: Path, size: int) -> None:
    folder = write_full_study(tmp_path / "study", size=size)
    page = read_report(folder)
    assert (folder / "report.html").stat().st_size < 1_500_000
    assert f"Of {size} classes the 10 with the highest and the lowest" in page.text
    has_matrices = any("Change of the answers" in v for v in page.attribute_values("aria-label"))
    assert has_matrices == (size <= 30)
    assert re.search(r"none, most often: class \d+ taken for class \d+ \(\d+\.\d %\)", page.text)


def test_no_absolute_path_is_in_the_page(tmp_path: Path) -> None:
    accuracies = {"none": [0.70, 0.71, 0.72], "channel": [0.715, 0.70, 0.705]}
    folder = write_fake_study(tmp_path / "study", accuracies)
    for path in folder.glob("runs/*/environment.json"):
        content = json.loads(path.read_text())
        content["command"] = f"foveal ablate --data {tmp_path}/leaves --out {tmp_path / 'study'}"
        path.write_text(json.dumps(content))
        write_manifest(path.parent)
    write_report(folder)
    for path in (folder / "report.html", folder / "report.md"):
        text = path.read_text()
        assert str(tmp_path) not in text
        assert "--data …/leaves --out …/study" in text


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


def test_headings_of_tables_have_a_scope(full_html: str, full_page: ReportPage) -> None:
    headers = full_html.count("<th ") + full_html.count("<th>")
    scopes = full_page.attribute_values("scope")
    assert headers == len([scope for scope in scopes if scope in ("row", "col")])


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "$x_2$ & '\"", "{{ 7 * 7 }}"])
def test_class_names_are_text(tmp_path: Path, name: str) -> None:
    classes = (name, "日本", "_hidden", "\x07bell\n")
    folder = write_fake_run(tmp_path / "run", classes=classes, epochs=1)
    page = read_report(folder)
    assert page.tags.count("script") == 1
    assert page.find_row(name)
    assert "\N{REPLACEMENT CHARACTER}bell\N{REPLACEMENT CHARACTER}" in page.text
    assert "日本" in page.text
    texts = [
        text.text or ""
        for svg in find_svgs((folder / "report.html").read_text())
        for text in ET.fromstring(svg).iter(f"{SVG_NAMESPACE}text")
    ]
    short_names = {shorten_name(name, length) for length in (10, 14)}
    assert any(text and text in short_names for text in texts)


def test_single_run_has_no_verdict(tmp_path: Path) -> None:
    folder = write_fake_run(tmp_path / "run", variant="cbam", seed=4, accuracy=0.8125)
    page = read_report(folder)
    assert "One run of cbam: no verdict from one run" in page.text
    assert page.find_row("cbamchannel → spatial")[1] == "81.25 %"
    assert "nothing about the method" in page.text
    for words in ("undecided", "difference, points", "Is it a fair comparison?"):
        assert words not in page.text


@pytest.mark.parametrize("seeds", [1, 2])
def test_too_few_seeds_give_a_difference_without_interval(tmp_path: Path, seeds: int) -> None:
    accuracies = {"none": [0.7, 0.72][:seeds], "channel": [0.8, 0.82][:seeds]}
    page = read_report(
        write_fake_study(tmp_path / "study", accuracies, planned_seeds=seeds, epochs=1)
    )
    row = page.find_row("channelCBAM's channel part")
    assert row[3:5] == [f"+10.0{ABSENT_VALUE}", "? undecidedtoo few seeds"]
    assert "An interval needs 3 seeds of both variants" in page.text
    runs = "One run says nothing" if seeds == 1 else "Two runs of each variant say too little"
    assert f"Not tested. {runs} about the method" in " ".join(page.text.split())
    assert not re.search(r"\bnan\b", page.text)
    assert "better or worse if its interval" not in page.text


def test_warns_about_missing_seeds(tmp_path: Path) -> None:
    accuracies = {"none": [0.7, 0.71, 0.72], "channel": [0.8, 0.81]}
    variants = ["none", "channel", "spatial"]
    page = read_report(write_fake_study(tmp_path / "study", accuracies, variants=variants))
    assert "have fewer: channel (2), spatial (0)." in page.text
    row = next(row for row in page.rows if row and row[0].startswith("channel"))
    assert row[1].endswith("2 of 3 seeds")
    assert "The study is not finished." in page.text


def test_warns_about_different_data(tmp_path: Path) -> None:
    folder = write_fake_study(tmp_path / "study", TWO_VARIANTS)
    path = folder / "runs" / "0-0" / "results.json"
    path.write_text(path.read_text().replace("c0ffee", "decaf0"))
    write_manifest(path.parent)
    page = read_report(folder)
    assert "did not all read the same data" in page.text
    assert page.find_row("data", "sha256:c0ffee")
    assert page.find_row("data", "sha256:decaf0")
    assert "! carefulDifferent data." in page.text


def test_shows_top5_accuracy_from_20_classes_on(tmp_path: Path, html: str) -> None:
    assert "top-5" not in html
    names = [f"class {label}" for label in range(25)]
    page = read_report(write_fake_run(tmp_path / "run", classes=names, epochs=1))
    assert page.find_row("noneno attention")[1] == "70.00 %top-5 91.3 %"
    assert page.find_row("class 24")


def test_class_accuracies_and_confusion_are_those_of_the_records(tmp_path: Path) -> None:
    folder = write_fake_study(tmp_path / "study", {"none": [0.5, 0.6, 0.7]})
    confusions = []
    for path in sorted(folder.glob("runs/*/predictions.npz")):
        with np.load(path) as arrays:
            confusions.append(arrays["confusion"])
    cat = [100 * confusion[0, 0] / confusion[0].sum() for confusion in confusions]
    page = read_report(folder)
    spread = f"{format_fixed(min(cat), 1)} to {format_fixed(max(cat), 1)}"
    assert page.find_row("cat") == ["cat", f"{format_fixed(float(np.mean(cat)), 1)}{spread}"]
    shares = np.sum(confusions, axis=0)
    shares = 100 * shares / shares.sum(axis=1, keepdims=True)
    assert page.find_row("dog", format_fixed(shares[1, 0], 1))[1:] == [
        format_fixed(each, 1) for each in shares[1]
    ]
    errors = shares - np.diag(np.diag(shares))
    true, answer = np.unravel_index(errors.argmax(), errors.shape)
    names = ("cat", "dog", "frog")
    worst = (
        f"none, most often: {names[true]} taken for {names[answer]} "
        f"({format_fixed(float(errors.max()), 1)} %)"
    )
    assert worst in " ".join(page.text.split())


def test_changes_of_the_confusion_are_signed_points(full_page: ReportPage) -> None:
    sentences = re.findall(r"(\w+): (class \d) recognized (\S+) points", full_page.text)
    assert sentences
    assert all(sign.startswith("−") for variant, _, sign in sentences if variant == "bam")
    assert all(sign.startswith("+") for variant, _, sign in sentences if variant == "channel")


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
    labels = read_report(folder).attribute_values("aria-label")
    assert "channel: loss, mean 2.1 after the first epoch, nan after the last; none 2.1" in "".join(
        labels
    )


@pytest.mark.parametrize("shape", [(2, 5, 7, 1), (2, 150, 200, 3)])
def test_training_batch_of_any_shape_is_shown_small(tmp_path: Path, shape: tuple[int, ...]) -> None:
    folder = write_fake_run(tmp_path / "run", epochs=1)
    images = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    with (folder / "training_batch.npz").open("wb") as file:
        np.savez(file, images=images, labels=np.array([0, 2]))
    write_manifest(folder)
    page = read_report(folder)
    sources = [v for v in page.attribute_values("href") if v.startswith("data:")]
    assert len(sources) == 2
    assert max(map(len, sources)) < 60_000
    assert {"Training image: cat", "Training image: frog"} <= set(
        page.attribute_values("aria-label")
    )


def test_shows_how_it_was_done(page: ReportPage) -> None:
    assert "foveal ablate <fake>" in page.text
    assert page.find_row("planned_seeds") == ["planned_seeds", "3"]
    assert page.find_row("torch") == ["torch", "2.13.0"]
    assert page.find_row("date") == ["date", "day 0; day 1; day 2"]
    assert page.find_row("channel", "seeds 0 to 2")
    assert page.find_row("data", "sha256:c0ffee")


def test_checklist_says_what_is_fine_and_where_to_be_careful(
    page: ReportPage, full_page: ReportPage
) -> None:
    text = " ".join(page.text.split())
    assert "✓ fineSame start, same data." in text
    assert "✓ fineTraining had ended." in text
    assert "! carefulFew seeds. 3 seeds of each variant. Seeds of none differ by up to 2.0" in text
    assert "Careful: few seeds. Is it a fair comparison?" in text
    # 1 % more parameters and equal times need no control.
    fine = "✓ fineHardly larger than the plain network. Attention adds up to 1 % of the"
    assert fine in " ".join(full_page.text.split())


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


def test_run_without_training_images_has_a_page(tmp_path: Path) -> None:
    folder = write_fake_run(tmp_path / "run", epochs=1)
    (folder / "training_batch.npz").unlink()
    write_manifest(folder)
    assert "This run has stored no training images" in read_report(folder).text
