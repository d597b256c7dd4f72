"""`foveal evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.table import Table

from foveal.cli.console import out, print_json


def evaluate(
    run: Path,
    *,
    data: str | None = None,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Evaluate the weights of a finished run on its test set.

    Parameters
    ----------
    run
        The run folder.
    data
        Other data to test on, with the same classes.
    json
        Print one JSON object on stdout.
    """
    from foveal.records import read_run
    from foveal.study.run_evaluation import evaluate_run

    measured = evaluate_run(run, source=data)
    classes = read_run(run).results["classes"]
    per_class = dict(zip(classes, map(float, measured.per_class), strict=True))
    if json:
        names = ("accuracy", "loss", "top5_accuracy", "calibration_error")
        figures = {f"test_{name}": getattr(measured, name) for name in names}
        print_json(figures | {"per_class": per_class, "run": str(run)})
        return
    table = Table("class", title=f"Test accuracy {measured.accuracy:.2%}", title_justify="left")
    table.add_column("accuracy", justify="right")
    for name, accuracy in per_class.items():
        table.add_row(name, f"{accuracy:.2%}")
    out.print(table)
    out.print(f"loss {measured.loss:.4f}, calibration error {measured.calibration_error:.4f}")
