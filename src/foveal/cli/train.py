"""`foveal train`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from foveal.cli.console import LiveProgress, out, print_json
from foveal.study.config import RunConfig

DEFAULT = RunConfig()
SHOWN = (
    "test_accuracy",
    "test_loss",
    "top5_accuracy",
    "train_accuracy",
    "train_loss",
    "calibration_error",
    "seconds",
    "images_per_second",
    "parameters",
    "variant",
    "seed",
    "epochs",
)


def train(
    *,
    config: Annotated[RunConfig, Parameter(name="*")] = DEFAULT,
    out_folder: Annotated[Path, Parameter(name="--out")],
    resume: Annotated[bool, Parameter(negative="")] = False,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Train one network and leave a run folder.

    Parameters
    ----------
    out_folder
        The run folder; it must not hold a run with another config.
    resume
        Go on with an interrupted run.
    json
        Print one JSON object on stdout.
    """
    from foveal.analysis.caveats import describe_loaded_weights
    from foveal.study.runner import run

    with LiveProgress() as progress:
        record = run(config, out_folder, resume=resume, progress=progress)
    results = {name: record.results[name] for name in SHOWN} | {"run": str(out_folder)}
    if json:
        print_json(results)
        return
    out.print(
        f"{results['variant']}, seed {results['seed']}: test accuracy [bold]{results['test_accuracy']:.2%}[/] "
        f"after {results['epochs']} epochs, {results['parameters']:,} parameters, "
        f"{results['seconds']:.0f} s, {results['images_per_second']:,.0f} images/s"
    )
    if weights := describe_loaded_weights(record):
        out.print(f"weights {weights}", soft_wrap=True, markup=False)
    out.print(f"run     {out_folder}", soft_wrap=True, markup=False)
