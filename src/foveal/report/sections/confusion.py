"""Which classes are taken for which: shares, counts, and differences to the baseline."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from foveal.analysis.variant_runs import VariantRuns, normalize_rows
from foveal.plotting import new_figure, report_style
from foveal.report.blocks import Block, Data, Fold, Picture, Section, Text, Tiles
from foveal.report.cell_view import Part
from foveal.text_format import MINUS, format_percent, shorten_name
from foveal.variant_names import BASELINE

MOST_CLASSES_IN_PLOT: Final = 20
MOST_COUNTS: Final = 400_000  # that a page may hold for its script
BLUE, ORANGE = (0x00, 0x72, 0xB2), (0xD5, 0x5E, 0x00)
Array = npt.NDArray[Any]


def confusion_section(part: Part) -> Section:
    """Return the matrices of all variants: shares by row, their difference to the baseline, counts."""
    shares = [normalize_rows(arm.confusion) for arm in part.arms]
    largest = max(float(errors_of(share).max()) for share in shares)
    matrices = tuple(
        picture(part, arm, "confusion", share_matrix(arm, largest_error=largest))
        for arm in part.arms
    )
    blocks: list[Block] = [
        Text(explained(part, largest)),
        *explorer(part),
        Tiles(matrices),
        *differences(part),
    ]
    if len(part.classes) <= MOST_CLASSES_IN_PLOT:
        counted = tuple(picture(part, arm, "counts", count_matrix(arm)) for arm in part.arms)
        blocks.append(Fold("As counts", (Tiles(counted),)))
    return Section(f"confusion{part.suffix}", part.titled("Confusion"), tuple(blocks))


def explained(part: Part, largest: float) -> str:
    """Say how to read the matrices."""
    order = (
        "; classes stand in the order of the table below"
        if len(part.classes) > MOST_CLASSES_IN_PLOT
        else "; below 0.5 % stands no number"
    )
    over = ", summed over the seeds" if part.several else ""
    alike = "" if part.single else " in all matrices alike"
    return (
        f"Each row is a true class, and shows in % where its test images went{over}{order}. Blue: right, full "
        f"shade at 100 %. Orange: wrong, full shade at {format_percent(largest, 1)} %{alike}."
    )


def picture(part: Part, arm: VariantRuns, kind: str, figure: Figure) -> Picture:
    """Return a matrix of one variant."""
    return Picture(
        name=f"{kind}-{arm.place}{part.suffix}",
        figure=figure,
        description=f"{NAMES[kind]} of {arm.variant}.",
        of={"variant": arm.variant},
    )


NAMES: Final = {
    "confusion": "Confusion matrix",
    "counts": "Confusion matrix in counts",
    "confusion-difference": f"Confusion matrix less that of {BASELINE}",
}


def differences(part: Part) -> list[Block]:
    """Return by how many points each share differs from that of the baseline."""
    plain = part.baseline
    others = [arm for arm in part.arms if arm is not plain]
    if plain is None or not others:
        return []
    by_arm = [normalize_rows(arm.confusion) - normalize_rows(plain.confusion) for arm in others]
    largest = max(float(np.nan_to_num(np.abs(one)).max()) for one in by_arm)
    matrices = tuple(
        picture(part, arm, "confusion-difference", difference_matrix(arm, values, largest=largest))
        for arm, values in zip(others, by_arm, strict=True)
    )
    said = (
        f"Points by which each share is above that of {BASELINE}. Blue: more, orange: less, full shade at "
        f"{format_percent(largest, 1)} points. Single cells are few images: look for rows and groups."
    )
    return [Fold(f"Difference to {BASELINE}", (Text(said), Tiles(matrices)))]


def explorer(part: Part) -> list[Block]:
    """Return the counts of each run, from which the page's script draws what a reader chooses."""
    size = len(part.classes)
    runs = [(arm.variant, run) for arm in part.arms for run in arm.runs]
    if size**2 * len(runs) > MOST_COUNTS:
        return []
    counts = [
        {
            "variant": variant,
            "seed": run.results["seed"],
            "counts": np.asarray(run.predictions["confusion"]).ravel().tolist(),
        }
        for variant, run in runs
    ]
    content = {"classes": part.classes, "baseline": BASELINE, "runs": counts}
    return [Data("confusion", content)]


def errors_of(shares: Array) -> Array:
    """Return the shares without those of right answers."""
    return np.asarray(np.nan_to_num(shares - np.diag(np.diag(shares))))


@report_style()
def share_matrix(arm: VariantRuns, *, largest_error: float) -> Figure:
    """Draw in percent of each true class where its images went, summed over the runs.

    Shades of right answers go up to 100 %, those of errors to `largest_error`, a fraction, so
    that matrices of several variants can be compared by eye.
    """
    shares = normalize_rows(arm.confusion)
    texts = np.where(np.rint(100 * shares) >= 1, np.vectorize(whole)(shares), "")
    return matrix(arm, shaded(shares, largest_error), texts)


@report_style()
def count_matrix(arm: VariantRuns) -> Figure:
    """Draw how many images of each true class went where, shaded by their share."""
    shares, counts = normalize_rows(arm.confusion), arm.confusion.astype(np.int64)
    texts = np.where(counts > 0, np.vectorize(str)(counts), "")
    return matrix(arm, shaded(shares, float(errors_of(shares).max())), texts)


@report_style()
def difference_matrix(arm: VariantRuns, values: Array, *, largest: float) -> Figure:
    """Draw by how many points shares (K, K) differ, up to `largest`, a fraction."""
    known = np.nan_to_num(values)
    colors = tinted(known > 0, np.abs(known) / max(largest, 1e-9))
    signed = np.vectorize(lambda v: f"{100 * v:+.0f}".replace("-", MINUS))(known)
    return matrix(arm, colors, np.where(np.abs(np.rint(100 * known)) >= 1, signed, ""))


def whole(share: float) -> str:
    """Write a share in whole percent."""
    return "" if np.isnan(share) else f"{100 * share:.0f}"


def matrix(arm: VariantRuns, colors: Array, texts: Array) -> Figure:
    """Draw cells (K, K, 4), true classes down and predicted ones across, with a text each."""
    size = len(colors)
    with_text = size <= MOST_CLASSES_IN_PLOT
    side = max(29 * size, 120) if with_text else 330
    axes = square(side, names=with_text)
    axes.imshow(colors, interpolation="none")
    axes.set_title(shorten_name(arm.variant, 36))
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    if with_text:
        names = [shorten_name(name, 12) for name in arm.classes]
        axes.set_xticks(range(size), names, rotation=90)
        axes.set_yticks(range(size), names)
        write(axes, texts)
    figure = axes.figure
    assert isinstance(figure, Figure)
    return figure


def square(side: float, *, names: bool) -> Axes:
    """Return axes of `side` px with room for names on the left and below.

    The room is given and not found by drawing: a page has many matrices with a hundred texts each.
    """
    left, below, above, right = (108, 112, 26, 6) if names else (50, 50, 26, 6)
    width, height = side + left + right, side + above + below
    figure = new_figure(width, height)
    figure.set_layout_engine("none")
    return figure.add_axes((left / width, below / height, side / width, side / height))


def write(axes: Axes, texts: Array) -> None:
    """Write a text into each cell that has one."""
    for row, column in zip(*np.nonzero(texts != ""), strict=True):
        text = texts[row, column]
        axes.text(column, row, text, ha="center", va="center_baseline", fontsize=10)


def shaded(shares: Array, largest_error: float) -> Array:
    """Return the colors of a confusion matrix, RGBA (K, K, 4): transparent where nothing went."""
    right = np.eye(len(shares), dtype=bool)
    scale = np.where(right, 1.0, max(largest_error, 1e-9))
    return tinted(right, np.nan_to_num(shares) / scale)


def tinted(is_blue: Array, strength: Array) -> Array:
    """Return blue or orange as strong as `strength` in [0, 1] says, RGBA (K, K, 4).

    No shade is so strong that text in ink could not be read on it, on light paper or dark.
    """
    strongest = 0.75
    colors = np.empty((*strength.shape, 4))
    colors[is_blue, :3] = BLUE
    colors[~is_blue, :3] = ORANGE
    colors[..., :3] /= 255
    colors[..., 3] = strongest * np.clip(strength, 0, 1)
    return colors
