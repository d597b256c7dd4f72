"""The command `foveal export`."""

from __future__ import annotations

from pathlib import Path

from foveal.cli.console import print_json, stdout
from foveal.cli.options import JsonFlag


def export(run: Path, file: Path, *, json: JsonFlag = False) -> None:
    """Export the network of a finished run and check the exported file.

    The logits of the exported network are compared with those of the original.

    Parameters
    ----------
    run
        The run folder.
    file
        The file to write: .onnx, or .pt2 for torch.export.
    """
    from foveal.models import export_model
    from foveal.records import read_run
    from foveal.study.run_network import load_run_network

    read_run(run)
    difference = export_model(load_run_network(run), file)
    if json:
        print_json({"file": str(file), "max_logit_difference": difference})
    else:
        stdout.print(
            f"wrote   {file}; the largest difference of its logits is {difference:.1e}",
            soft_wrap=True,
            markup=False,
        )
