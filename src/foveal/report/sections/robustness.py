"""How the variants bear images that get worse, out of what their runs left."""

from __future__ import annotations

from matplotlib.figure import Figure

from foveal.analysis import RobustnessCurves, collect_robustness_curves
from foveal.plotting import draw_robustness_curves, report_style, variant_style
from foveal.report.blocks import Fold, Note, Picture, Section, Table
from foveal.report.cell_view import Part
from foveal.report.warnings import nothing_left
from foveal.text_format import shorten_names
from foveal.text_tables import Table as TextTable


def robustness_section(part: Part) -> Section:
    """Return the curves by condition, and what is left at the highest severity."""
    name, title = f"robustness{part.suffix}", part.titled("On images that get worse")
    found = collect_robustness_curves(part.left("robustness"))
    if found is None:
        return Section(name, title, (Note(nothing_left(part, "robustness", "that", "it")),))
    shares = ", ".join(f"{100 * share:g} %" for share in found.shares)
    seeds = "" if not part.several else " Lines are means over the seeds, bands their range."
    picture = Picture(
        name=name,
        figure=plot(part, found),
        description="Test accuracy by severity, a panel a condition and a line a variant.",
        caption=f"Accuracy on the first {found.images} test images, the same for all; severity 0 are the "
        f"images as they are. Occlusion hides a window of {shares} of the image; the corruptions are those of "
        f"CIFAR-10-C or, above 64 px, ImageNet-C.{seeds}",
    )
    return Section(
        name, title, (picture, Fold("At the highest severity", (worst_table(part, found),)))
    )


def worst_table(part: Part, found: RobustnessCurves) -> Table:
    """Return the accuracy of each variant at the highest severity of each condition."""
    clean = [
        f"{100 * c.accuracy[:, 0].mean():.1f}" for c in next(iter(found.curves.values())).values()
    ]
    rows = [("as they are", *clean)]
    for condition, by_variant in found.curves.items():
        worst = [f"{100 * curve.accuracy[:, -1].mean():.1f}" for curve in by_variant.values()]
        rows.append((condition, *worst))
    headings = ("condition", *(arm.variant for arm in part.arms))
    note = "Test accuracy in %" + (", mean over the seeds." if part.several else ".")
    table = TextTable("Accuracy at the highest severity", headings, tuple(rows), note)
    return Table(f"robustness{part.suffix}", table)


@report_style()
def plot(part: Part, found: RobustnessCurves) -> Figure:
    """Draw a panel a condition and a line a variant, each looking as in every other figure."""
    styles = {arm.variant: variant_style(arm.place) for arm in part.arms}
    names = shorten_names(styles, 24)
    return draw_robustness_curves(
        {
            condition: {names[variant]: curve for variant, curve in by_variant.items()}
            for condition, by_variant in found.curves.items()
        },
        styles={names[variant]: style for variant, style in styles.items()},
    )
