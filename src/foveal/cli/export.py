"""`foveal export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from foveal.cli.console import out, print_json


def export(run: Path, file: Path, *, json: Annotated[bool, Parameter(negative="")] = False) -> None:
    """Export the network of a finished run, and check that it still says the same.

    Parameters
    ----------
    run
        The run folder.
    file
        What to write: .onnx, or .pt2 for torch.export.
    json
        Print one JSON object on stdout.
    """
    from foveal.models import load_model
    from foveal.models.export import export as write
    from foveal.records import read_run, schema

    read_run(run)
    difference = write(load_model(run / schema.MODEL), file)
    if json:
        print_json({"file": str(file), "largest_difference": difference})
    else:
        out.print(
            f"wrote   {file}; its logits differ by at most {difference:.1e}",
            soft_wrap=True,
            markup=False,
        )
