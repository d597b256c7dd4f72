"""The page: records in, one HTML file out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined

from foveal.errors import UsageError
from foveal.records import (
    Design,
    RunRecord,
    StudyRecord,
    is_complete,
    read_run,
    read_study,
    schema,
    written_aside,
)
from foveal.report import curves, figures, words
from foveal.report.arms import BASELINE, Arm, arms_of, rates
from foveal.report.costs import cost_context
from foveal.report.images import data_uri
from foveal.report.missing import missing_pieces
from foveal.report.robustness import robustness_context

IMAGES_SHOWN = 32


def report(folder: Path) -> Path:
    """Write report.html into the folder of a study or of one run, and return its path.

    The page holds all that it shows, needs no network and no script, and is the same, byte for
    byte, whenever it is made from the same records.

    Raises:
        UsageError: `folder` is neither a study with a finished run nor a finished run.
        FovealError: a file of it is damaged.
    """
    html = render(context_of(folder))
    path = folder / schema.REPORT
    with written_aside(path) as aside:
        aside.write_text(html, encoding="utf-8")
    return path


def context_of(folder: Path) -> dict[str, Any]:
    """Read the folder and collect what the page shows."""
    if (folder / schema.STUDY).is_file():
        return study_context(read_study(folder))
    if is_complete(folder):
        run = read_run(folder)
        variant = run.results["variant"]
        arm = Arm(variant, 0 if variant == BASELINE else 1, (run,))
        return {
            "single": True,
            "missing": [],
            "config": as_text(run.config),
            "parts": [shown([arm]) | {"cost": None}],
            **made([run]),
        }
    raise UsageError(f"{folder} is neither a study nor a finished run.")


def study_context(study: StudyRecord) -> dict[str, Any]:
    """Collect what the page shows of a study, cell by cell of its grid."""
    parts = [part for part in study.parts() if part.runs]
    if not parts:
        raise UsageError(f"{study.folder} has no finished run yet: there is nothing to report.")
    arms = [arms_of(part) for part in parts]
    missing = [
        f"{label_of(part)}: {sentence}" if label_of(part) else sentence
        for part, mine in zip(parts, arms, strict=True)
        for sentence in missing_pieces(part, mine)
    ]
    return {
        "single": False,
        "planned_seeds": study.design.planned_seeds,
        "missing": [*dict.fromkeys(missing), *study.notes],
        "config": as_text(config_of(study.design)),
        "parts": [
            shown(mine, label=label_of(part)) | {"cost": cost_context(part, mine)}
            for part, mine in zip(parts, arms, strict=True)
        ],
        **made(study.runs),
    }


def label_of(part: StudyRecord) -> str:
    """Return the name of a cell of the grid; empty where there is no grid."""
    return part.cell.label if part.cell else ""


def config_of(design: Design) -> dict[str, Any]:
    """Return the config of a study as rows of a table."""
    grid = {f"cell {place}": cell.label for place, cell in enumerate(design.cells, 1) if cell.label}
    in_grid = {name for cell in design.cells for name in cell.values}
    common = {n: v for n, v in design.setting.items() if n not in in_grid and v != ""}
    return {
        "variants": list(design.variants),
        "planned_seeds": design.planned_seeds,
        "margin": f"{design.margin:g} points",
        **common,
        **grid,
    }


def shown(arms: Sequence[Arm], *, label: str = "") -> dict[str, Any]:
    """Collect what the page shows of variants in one setting."""
    first = arms[0].runs[0]
    shares = [rates(arm.confusion) for arm in arms]
    errors = [np.nan_to_num(share - np.diag(np.diag(share))).max() for share in shares]
    compared = [arm.comparison for arm in arms if arm.comparison]
    intervals = any(comparison.detectable is not None for comparison in compared)
    return {
        "label": label,
        "model": first.config["model"],
        "data": first.results["data"],
        "runs": sum(len(arm.runs) for arm in arms),
        "epochs": first.results["epochs"],
        "test_images": len(first.predictions["labels"]),
        "baseline": BASELINE,
        "arms": arms,
        "top5": first.results["top5_accuracy"] is not None,
        "classes": arms[0].classes,
        "compared": compared,
        "forest": figures.forest_plot(arms) if intervals else "",
        "overview": [curves.overview(arms, quantity) for quantity in curves.TITLES],
        "train_and_test": [curves.train_and_test(arm, arms) for arm in arms if len(arms) > 1],
        "confusion": [figures.confusion_matrix(arm, largest_error=max(errors)) for arm in arms],
        "largest_error": max(errors),
        "class_plot": figures.class_accuracy(arms),
        "batch": training_batch(arms[0]),
        "seed_of_batch": first.results["seed"],
        "robustness": robustness_context(arms),
    }


def made(runs: Sequence[RunRecord]) -> dict[str, Any]:
    """Collect how, where and from what the runs were made."""
    environment = agreed([as_text(run.environment) for run in runs])
    return {
        "commands": environment.pop("command", []),
        "environment": environment,
        "checksums": sorted({run.results["data_checksum"] for run in runs}),
    }


def training_batch(arm: Arm) -> list[tuple[str, str]]:
    """Return the first images of a training batch as (class, data URI)."""
    batch = arm.runs[0].training_batch
    images, labels = batch["images"], batch["labels"]
    pairs = zip(images[:IMAGES_SHOWN], labels[:IMAGES_SHOWN], strict=True)
    return [(arm.classes[label], data_uri(image)) for image, label in pairs]


def as_text(content: Mapping[str, Any]) -> dict[str, str]:
    """Return the values of a config or an environment as rows of a table.

    >>> as_text({"epochs": 3, "variants": ["none", "series"]})
    {'epochs': '3', 'variants': 'none, series'}
    """
    return {
        name: ", ".join(map(str, value)) if isinstance(value, list) else str(value)
        for name, value in content.items()
    }


def agreed(rows: Sequence[Mapping[str, str]]) -> dict[str, list[str]]:
    """Return for each name the different values that the runs have.

    >>> agreed([{"torch": "2.13"}, {"torch": "2.13", "date": "Monday"}])
    {'torch': ['2.13'], 'date': ['Monday']}
    """
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: sorted({row[name] for row in rows if name in row}) for name in names}


def render(context: Mapping[str, Any]) -> str:
    """Fill the template; whatever stands in a record is text there, never markup."""
    environment = Environment(
        loader=PackageLoader("foveal.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for written in (
        words.percent,
        words.points,
        words.interval,
        words.level,
        words.seconds,
        words.listed,
        words.true_minus,
        words.mean_and_sd,
        words.against,
    ):
        environment.filters[written.__name__] = written
    return environment.get_template("report.html.j2").render(context)
