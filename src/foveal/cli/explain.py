"""`foveal explain`."""

from __future__ import annotations

from pathlib import Path
from statistics import fmean
from typing import Annotated, Any, Literal

from cyclopts import Parameter
from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from foveal.cli.console import err, out, print_json, say


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
    measures: Annotated[bool, Parameter(negative="")] = False,
    out_folder: Annotated[Path | None, Parameter(name="--out")] = None,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Draw where the networks of runs and studies look, side by side.

    The same images, windows, fill and classes for all networks, one color scale; a map is the mean over
    the seeds of a variant. Figures are written as PNG and SVG, the logits as npz, the numbers as JSON.

    Parameters
    ----------
    runs_or_studies
        Folders of runs or studies, tested on the same images.
    per_class
        Show the first so many test images of each class; 1 of up to ten classes if nothing is chosen.
    images
        Show the test images at these places, separated by commas.
    most_different
        Show so many test images on which the share of right runs differs most among the variants.
    variants
        Of these variants only, separated by commas.
    seeds
        Of these seeds only, separated by commas.
    window
        Side of the window in pixels; 8 for images of 32, 32 for images of 224.
    stride
        Pixels from one window to the next; half of the window.
    fill
        What hides: mean, black, gray, image-mean, blur or noise; several separated by commas.
    score
        What is seen to fall.
    target
        The class whose score it is: the true label, or what each network predicts.
    measures
        Measure too how faithful maps are, where they point, and whether attention agrees with them.
    out_folder
        Where to write; by default explain/ in the first folder.
    json
        Print one JSON object on stdout.
    """
    from foveal.cli.explanation_files import content_of, write_explanation
    from foveal.study.explanations import choose_images
    from foveal.study.explanations import explain as explained
    from foveal.study.map_metrics import compute_map_metrics
    from foveal.study.trained_runs import find_trained_runs, load_shared_images

    networks = find_trained_runs(
        runs_or_studies, variants=words(variants), seeds=[number("seeds", n) for n in words(seeds)]
    )
    data = load_shared_images(networks)
    rows, rule = choose_images(
        data,
        networks,
        images=[number("images", n) for n in words(images)],
        per_class=per_class,
        most_different=most_different,
    )
    options: dict[str, Any] = {
        "window": "auto" if window is None else window,
        "stride": "auto" if stride is None else stride,
        "fill": words(fill),
        "score": score,
        "target": target,
    }
    with err.status("sweeping windows") as status:
        found = explained(
            networks,
            data,
            rows,
            rule=rule,
            advance=lambda n: status.update(f"swept {n.name}, seed {n.seed}"),
            **options,
        )
        measures_found = compute_map_metrics(networks, found) if measures else {}
        folder = out_folder or runs_or_studies[0] / "explain"
        content = content_of(found, networks, measures_found)
        written = write_explanation(folder, found, networks, content)
    if json:
        print_json(content | {"files": [str(path) for path in written]})
        return
    out.print(table(content))
    if content["gates"]:
        out.print(gates_table(content))
    if measures:
        out.print(measures_table(content))
    for path in written:
        if path.suffix != ".svg":
            out.print(str(path), soft_wrap=True, markup=False)
    say("[dim]Each figure is there as SVG too.[/]")
    if not any(path.stem == "robustness" for path in written):
        say(
            "[dim]No robustness and no sheets of classes: not every run has left what they need (trained "
            "with --no-extras, or with other images).[/]"
        )


def words(text: str | None) -> list[str]:
    """Return what stands between commas."""
    return [word.strip() for word in text.split(",")] if text else []


def number(name: str, text: str) -> int:
    """Return a whole number of a list."""
    from foveal.errors import bad_parameter

    if not text.isdecimal():
        raise bad_parameter(name, "whole numbers separated by commas", text)
    return int(text)


def table(content: dict[str, Any]) -> Table:
    """Return one row a variant: what its networks say of the chosen images, plain and under windows."""
    title = f"{len(content['images'])} images of {content['data']}: {content['images_chosen_as']}"
    made = Table(title=escape(title), title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    made.add_column("variant", overflow="fold")
    for name in ("seeds", "right", "p of the class", "largest drop", "right under windows"):
        made.add_column(name, justify="right")
    several = len(content["fill"]) > 1
    if several:
        made.add_column("fills agree", justify="right")
    for variant, own in content["variants"].items():
        made.add_row(
            escape(variant),
            str(len(own["seeds"])),
            f"{fmean(own['right']):.0%}",
            f"{fmean(own['probability']):.2f}",
            f"{fmean(own['largest_drop']):.2f}",
            f"{own['accuracy_under_occlusion']:.0%}",
            *([f"{own['fill_agreement']:.2f}"] if several else []),
        )
    return made


def gates_table(content: dict[str, Any]) -> Table:
    """Return one row a gate: in how many seeds it works, and if not, what it is instead."""
    made = Table(box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for name in ("variant", "gate at", "over", "found"):
        made.add_column(name, overflow="fold")
    for name in ("mean", "by image", "moved"):
        made.add_column(name, justify="right")
    for one in content["gates"]:
        found = ", ".join(f"{word} {count}" for word, count in one["findings"].items())
        numbers = (f"{one[name]:.3f}" for name in ("mean", "between_images", "moved"))
        over = {"channel": "channels", "spatial": "positions"}.get(one["kind"], one["kind"])
        color = "yellow" if one["useless"] else "default"
        site = one["gate"].partition(".attention")[0]
        made.add_row(escape(one["variant"]), escape(site), over, f"[{color}]{found}[/]", *numbers)
    return made


def measures_table(content: dict[str, Any]) -> Table:
    """Return one row a measure of each variant, beside its control."""
    made = Table("variant", "measure", box=SIMPLE_HEAD, pad_edge=False)
    for name in ("value", "control"):
        made.add_column(name, justify="right")
    for variant, many in content["measures"].items():
        for one in many:
            cells = ["" if one[n] is None else f"{one[n]:.3f}" for n in ("value", "control")]
            made.add_row(escape(variant), escape(one["name"]), *cells)
    return made
