"""Verdicts on a table of runs as a page, as Markdown and as LaTeX."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from markdown_it import MarkdownIt

from browser import launch_chromium
from foveal.analysis.run_tables import write_judgment_answer
from foveal.report import (
    render_judgment_html,
    render_judgment_latex,
    render_judgment_markdown,
)
from foveal.report.inline_text import remove_inline_markup
from foveal.stats import Judgment, judge
from report.report_page import ReportPage

VALUES = {
    "none": [76.36, 75.94, 76.38, 76.03, 76.37],
    "cbam": [78.20, 78.55, 78.23, 78.26, 78.16],
    "bam": [76.21, 75.93, 76.41, 76.04, 77.47],
}
RENDERERS = [render_judgment_html, render_judgment_markdown, render_judgment_latex]
HOSTILE = "<img src=x onerror=alert(1)>|`a` *b* $\\input{x}$ % & \n\n# head"


def judge_values(
    values: dict[str, list[float]], name: str = "test_acc", **options: Any
) -> Judgment:
    """Return the judgment of a table with a row per run."""
    rows = [(variant, seed, x) for variant, each in values.items() for seed, x in enumerate(each)]
    variants, seeds, outcomes = zip(*rows, strict=True)
    table = {"variant": variants, "seed": seeds, name: outcomes}
    return judge(table, **{"baseline": next(iter(values)), **options})


@pytest.mark.parametrize("lower_is_better", [False, True])
def test_page_draws_every_run_on_one_axis(lower_is_better: bool) -> None:
    name = "loss" if lower_is_better else "test_acc"
    judgment = judge_values(VALUES, name, margin=0.5, lower_is_better=lower_is_better)
    html = render_judgment_html(judgment)
    table = html[html.index("<tbody") : html.index("</tbody")]
    circles = re.findall(r'<circle class="o v\d" data-v="\d" cx="([\d.]+)" .*?: ([\d.]+), ', table)
    x, values = np.array(circles, dtype=float).T
    assert sorted(values) == sorted(value for each in VALUES.values() for value in each)
    slope, start = np.polyfit(values, x, 1)
    assert slope > 0  # smaller values are further left, also where they are better
    np.testing.assert_allclose(x, slope * values + start, atol=0.2)
    page = ReportPage(html)
    answer = remove_inline_markup(write_judgment_answer(judgment, judgment.parts[0]))
    assert answer in " ".join(page.text.split())
    cbam = page.find_row("cbam")
    assert cbam[3].startswith(f"+{np.mean(VALUES['cbam']) - np.mean(VALUES['none']):.2f}")
    assert ("worse" if lower_is_better else "better") in cbam[4]
    assert ("Points are percentage points" in page.text) != lower_is_better


def test_page_says_how_many_seeds_would_decide() -> None:
    page = ReportPage(render_judgment_html(judge_values(VALUES, margin=0.5)))
    assert "What it would take to decide" in page.text
    assert "Next: a new table with none, cbam and bam with seeds 100 to 109." in page.text
    sizes = [float(page.find_row(str(seeds))[1].split()[0]) for seeds in (5, 10, 20, 50)]
    assert sizes == sorted(sizes, reverse=True)
    decided = {name: VALUES[name] for name in ("none", "cbam")}
    assert "to decide" not in ReportPage(render_judgment_html(judge_values(decided))).text


def test_page_without_a_margin_has_no_band() -> None:
    html = render_judgment_html(judge_values(VALUES))
    rows = html[html.index("<tbody") : html.index("</tbody")]
    assert "band" not in rows
    assert "without a margin none is equivalent" in html


def test_suspicions_and_unchecked_sentences_are_on_the_page() -> None:
    copied = {**VALUES, "bam": [76.21] * 5}
    page = ReportPage(render_judgment_html(judge_values(copied)))
    text = " ".join(page.text.split())
    assert "Careful: identical values. Is it a fair comparison?" in text
    assert "! careful Identical values. All runs of bam have the same value" in text.replace(
        "careful", "careful "
    ).replace("  ", " ")
    assert "needs --chance and --test-images" in text
    assert "All runs of bam" in render_judgment_markdown(judge_values(copied))


@pytest.mark.parametrize("render", RENDERERS)
def test_best_epochs_are_marked(render: Any) -> None:
    assert "best epochs" in render(judge_values(VALUES, "best_acc", allow_best=True))
    assert "best epochs" not in render(judge_values(VALUES))


def test_each_data_set_has_its_answer_and_its_table() -> None:
    table = {
        "variant": ["none", "cbam"] * 6,
        "seed": [0, 0, 1, 1, 2, 2] * 2,
        "accuracy": [0.70, 0.80, 0.71, 0.81, 0.72, 0.82, 0.5, 0.5, 0.51, 0.52, 0.53, 0.51],
        "task": ["a"] * 6 + ["b"] * 6,
    }
    judgment = judge(table, data_column="task")
    page = ReportPage(render_judgment_html(judgment))
    assert page.text.count("Compared with") + page.text.count("compared with") == 2
    assert "Better on 1, undecided on 1 of 2 data sets." in page.text
    assert "Careful:" not in page.text
    labels = [label for label in page.attribute_values("aria-label") if label.startswith("Results")]
    assert labels == ["Results, a, table", "Results, b, table"]
    assert len([row for row in page.rows if row[0] == "cbam" and len(row) == 5]) == 2
    assert render_judgment_latex(judgment).count(r"\begin{tabular}") == 2
    assert render_judgment_markdown(judgment).count("| cbam |") == 2


def test_hostile_names_are_text_on_the_page() -> None:
    values = {"none": VALUES["none"], HOSTILE: VALUES["cbam"]}
    page = ReportPage(render_judgment_html(judge_values(values, "<b>acc</b>")))
    assert "img" not in page.tags
    assert "onerror" not in {name for _, name, _ in page.attributes}
    assert page.text.count("<img src=x onerror=alert(1)>|") >= 2
    assert page.text.count("<b>acc</b>") >= 2


def test_hostile_names_are_text_in_markdown() -> None:
    values = {"none": VALUES["none"], HOSTILE: VALUES["cbam"]}
    text = render_judgment_markdown(judge_values(values, "<b>acc</b>"))
    html = MarkdownIt("commonmark", {"html": True}).enable("table").render(text)
    page = ReportPage(html)
    assert not {"img", "h1", "b"} & set(page.tags)
    row = next(row for row in page.rows if "onerror" in row[0])
    assert row[0] == " ".join(HOSTILE.split())
    assert len(row) == 6


def test_hostile_names_are_text_in_latex() -> None:
    values = {"none": VALUES["none"], HOSTILE: VALUES["cbam"]}
    latex = render_judgment_latex(judge_values(values, "100%_acc"))
    (row,) = [line for line in latex.splitlines() if "onerror" in line]
    assert r"\textbackslash{}input\{x\}" in row
    assert len(re.findall(r"(?<!\\)&", row)) == 5
    assert not re.search(r"(?<!\\)[%#]", latex)


def test_page_fits_every_screen(tmp_path: Any) -> None:
    path = tmp_path / "page.html"
    path.write_text(
        render_judgment_html(
            judge_values({**VALUES, "a-very-long-name:" + 40 * "x": [1.0, 2.0, 3.0]})
        ),
        encoding="utf-8",
    )
    with launch_chromium() as browser:
        page = browser.new_page()
        messages: list[str] = []
        page.on("console", lambda message: messages.append(message.text))
        page.goto(path.as_uri())
        for width in (1280, 390, 320):
            page.set_viewport_size({"width": width, "height": 900})
            assert page.evaluate("document.documentElement.scrollWidth") == width
        assert messages == []
