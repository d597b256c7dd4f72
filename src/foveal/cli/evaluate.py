"""The command `foveal evaluate`."""

from __future__ import annotations

from pathlib import Path

from rich.table import Table

from foveal.cli.console import print_json, stdout
from foveal.cli.options import JsonFlag


def evaluate(run: Path, *, data: str | None = None, json: JsonFlag = False) -> None:
    """Evaluate the network of a finished run on its test set.

    Parameters
    ----------
    run
        The run folder.
    data
        Another data set to test on. It must have the same classes.
    """
    from foveal.inspection.run_evaluation import evaluate_run
    from foveal.records import read_run

    metrics = evaluate_run(run, source=data)
    classes = read_run(run).results["classes"]
    per_class = dict(zip(classes, map(float, metrics.per_class_accuracy), strict=True))
    if json:
        names = ("accuracy", "loss", "top5_accuracy", "calibration_error")
        values = {f"test_{name}": getattr(metrics, name) for name in names}
        print_json(values | {"per_class": per_class, "run": str(run)})
        return
    table = Table("class", title=f"Test accuracy {metrics.accuracy:.2%}", title_justify="left")
    table.add_column("accuracy", justify="right")
    for name, accuracy in per_class.items():
        table.add_row(name, f"{accuracy:.2%}")
    stdout.print(table)
    stdout.print(f"loss {metrics.loss:.4f}, calibration error {metrics.calibration_error:.4f}")
