"""The command `foveal explain`."""

from __future__ import annotations

from pathlib import Path
from statistics import fmean
from typing import Annotated, Any, Literal

from cyclopts import Parameter
from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from foveal.cli.console import print_json, print_message, stderr, stdout
from foveal.cli.options import Flag, JsonFlag, parse_integers, split_list


def explain(
    runs_or_studies: Annotated[list[Path], Parameter(name="RUN_OR_STUDY")],
    /,
    *,
    per_class: int | None = None,
    images: str | None = None,
    most_different: int | None = None,
    variants: str | None = None,
    seeds: str | None = None,
    window: int | None = None,
    stride: int | None = None,
    fill: str = "mean",
    score: Literal["prob", "logit", "logprob", "margin", "relative"] = "prob",
    target: Literal["label", "pred"] = "label",
    metrics: Flag = False,
    out_folder: Annotated[Path | None, Parameter(name="--out")] = None,
    json: JsonFlag = False,
) -> None:
    """Draw occlusion maps of the networks of runs and studies.

    All networks get the same images, windows, fill and classes, and all maps share one color scale. A map is
    the mean over the seeds of a variant. Figures are written as PNG and SVG, logits as npz, numbers as JSON.

    Parameters
    ----------
    runs_or_studies
        Folders of runs or studies that were tested on the same images.
    per_class
        Show the first images of each class, this many per class. Without --per-class, --images and
        --most-different: 1 image of each of the first ten classes.
    images
        Show the test images with these indices, separated by commas.
    most_different
        Show this many test images, those on which the accuracy over seeds differs most among the variants.
    variants
        Explain only these variants, separated by commas.
    seeds
        Explain only these seeds, separated by commas.
    window
        Side of the window in pixels; by default 8 for images of 32 px and 32 for images of 224 px.
    stride
        Distance between windows in pixels; by default half of the window.
    fill
        Content of occluded windows: mean, black, gray, image-mean, blur or noise; several separated by commas.
    score
        The quantity whose drop is mapped.
    target
        The class of the score: the true label, or the prediction of each network.
    metrics
        Also compute the faithfulness and localization of the maps and their agreement with attention.
    out_folder
        Output folder; by default explain/ in the first folder.
    """
    from foveal import inspection

    runs = inspection.find_trained_runs(
        runs_or_studies, variants=split_list(variants), seeds=parse_integers("seeds", seeds)
    )
    data = inspection.load_shared_images(runs)
    image_indices, selection = inspection.choose_explained_images(
        data,
        runs,
        images=parse_integers("images", images),
        per_class=per_class,
        most_different=most_different,
    )
    options: dict[str, Any] = {
        "window": "auto" if window is None else window,
        "stride": "auto" if stride is None else stride,
        "fill": split_list(fill),
        "score": score,
        "target": target,
    }
    with stderr.status("Computing occlusion maps") as status:
        explanation = inspection.explain_runs(
            runs,
            data,
            image_indices,
            selection=selection,
            on_run=lambda run: status.update(f"Finished {run.name}, seed {run.seed}"),
            **options,
        )
        found_metrics = inspection.compute_map_metrics(runs, explanation) if metrics else {}
        folder = out_folder or runs_or_studies[0] / "explain"
        content = inspection.make_explanation_content(explanation, runs, found_metrics)
        paths = inspection.write_explanation(folder, explanation, runs, content)
    if json:
        print_json(content | {"files": [str(path) for path in paths]})
        return
    stdout.print(_make_variants_table(content))
    if content["gates"]:
        stdout.print(_make_gates_table(content))
    if metrics:
        stdout.print(_make_metrics_table(content))
    for path in paths:
        if path.suffix != ".svg":
            stdout.print(str(path), soft_wrap=True, markup=False)
    print_message("[dim]Each figure is also written as SVG.[/]")
    if not any(path.stem == "robustness" for path in paths):
        print_message(
            "[dim]No robustness curves and class sheets: some runs have no stored extras (trained with "
            "--no-extras), or extras of other images.[/]"
        )


def _make_variants_table(content: dict[str, Any]) -> Table:
    """Return a table with a row per variant: accuracy and confidence, without and with occlusion."""
    title = f"{len(content['images'])} images of {content['data']}: {content['image_selection']}"
    table = Table(title=escape(title), title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("variant", overflow="fold")
    for name in ("seeds", "accuracy", "confidence", "max drop", "accuracy under occlusion"):
        table.add_column(name, justify="right")
    has_several_fills = len(content["fill"]) > 1
    if has_several_fills:
        table.add_column("fills agree", justify="right")
    for variant, values in content["variants"].items():
        table.add_row(
            escape(variant),
            str(len(values["seeds"])),
            f"{fmean(values['accuracy']):.0%}",
            f"{fmean(values['confidence']):.2f}",
            f"{fmean(values['max_drop']):.2f}",
            f"{values['accuracy_under_occlusion']:.0%}",
            *([f"{values['fill_agreement']:.2f}"] if has_several_fills else []),
        )
    return table


def _make_gates_table(content: dict[str, Any]) -> Table:
    """Return a table with a row per gate: its status over the seeds and the statistics of its maps."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for name in ("variant", "site", "over", "status"):
        table.add_column(name, overflow="fold")
    for name in ("mean", "between images", "moved"):
        table.add_column(name, justify="right")
    for gate in content["gates"]:
        status = ", ".join(f"{name} {count}" for name, count in gate["status_counts"].items())
        numbers = (
            f"{gate[name]:.3f}" for name in ("mean", "std_between_images", "distance_from_start")
        )
        axis = {"channel": "channels", "spatial": "positions"}.get(gate["kind"], gate["kind"])
        color = "yellow" if gate["redundant_share"] else "default"
        site = gate["gate"].partition(".attention")[0]
        table.add_row(
            escape(gate["variant"]), escape(site), axis, f"[{color}]{status}[/]", *numbers
        )
    return table


def _make_metrics_table(content: dict[str, Any]) -> Table:
    """Return a table with a row per variant and metric: its value, that of its control, its rank."""
    table = Table("variant", "metric", box=SIMPLE_HEAD, pad_edge=False)
    for name in ("value", "control", "rank"):
        table.add_column(name, justify="right")
    for variant, metrics in content["metrics"].items():
        for metric in metrics:
            cells = ["" if metric[n] is None else f"{metric[n]:.3f}" for n in ("value", "control")]
            rank = "" if metric["rank"] is None else f"{metric['rank']:g} of {metric['draws'] + 1}"
            table.add_row(escape(variant), escape(metric["name"]), *cells, rank)
    return table
