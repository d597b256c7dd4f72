"""Comparisons and judgments in a notebook."""

from foveal.stats import compare_variants, judge


def test_html_of_a_comparison_is_short_and_escaped() -> None:
    name = "<img src=x>"
    (comparison,) = compare_variants({"none": [0.70, 0.71, 0.72], name: [0.80, 0.805, 0.81]})
    html = comparison._repr_html_()
    assert len(html) < 1000
    assert "<img" not in html
    assert "&lt;img src=x&gt;" in html
    assert ">better</td>" in html
    assert "+9.50 points" in html
    assert "+7.42 to +11.58" in html
    (comparison,) = compare_variants({"none": [0.70], "cbam": [0.80]})
    assert "One run per variant" in comparison._repr_html_()


def test_html_of_a_judgment_has_a_row_per_variant() -> None:
    table = {"variant": ["none", "<b>"] * 3, "seed": [0, 0, 1, 1, 2, 2]}
    html = judge(
        {**table, "loss": [1.0, 2.0, 1.1, 2.1, 0.9, 2.2]}, lower_is_better=True
    )._repr_html_()
    assert len(html) < 2000
    assert html.count("<tr>") == 3
    assert "<b>" not in html
    assert ">worse</td>" in html
