"""How the variants bear images that get worse, out of what their runs left."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from foveal.drawing import draw_robustness
from foveal.records import curves_of
from foveal.report.arms import Arm
from foveal.report.svg import house_style, to_svg


def robustness_context(arms: Sequence[Arm]) -> dict[str, Any] | None:
    """Collect what the page shows; None where a run left nothing, or the runs saw other images."""
    found = curves_of(
        [(arm.variant, run.extras.get("robustness")) for arm in arms for run in arm.runs]
    )
    if found is None:
        return None
    last = [
        (
            condition,
            [100 * curve.accuracy[:, -1].mean() for curve in by_variant.values()],
        )
        for condition, by_variant in found.curves.items()
    ]
    return {
        "images": found.images,
        "shares": [f"{100 * share:g} %" for share in found.shares],
        "worst": last,
        "clean": [
            100 * curve.accuracy[:, 0].mean()
            for curve in next(iter(found.curves.values())).values()
        ],
        "variants": [arm.variant for arm in arms],
        "plot": plot(found.curves),
    }


@house_style()
def plot(curves: Any) -> str:
    """Draw a panel a condition and a line a variant."""
    return to_svg(
        draw_robustness(curves),
        name="robustness",
        description="Test accuracy by severity, a panel a condition and a line a variant.",
    )
