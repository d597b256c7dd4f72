"""The command `foveal train`."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as ProgressBars

from foveal.cli.console import print_json, print_message, stderr, stdout
from foveal.cli.options import DefaultOutFolder, Flag, JsonFlag
from foveal.study.config import RunConfig
from foveal.study.progress import Progress
from foveal.training import EpochMetrics

_DEFAULT_RUN = RunConfig()
_PRINTED_RESULTS = (
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


class _ProgressBar(Progress):
    """Progress of one run: a bar over its steps and one line per epoch; without a terminal, lines only."""

    def __init__(self) -> None:
        self.bars = ProgressBars(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=stderr,
            transient=True,
        )
        self.task = self.bars.add_task("", total=None)

    def __enter__(self) -> _ProgressBar:
        return self

    def __exit__(self, *_: object) -> None:
        if self.bars.live.is_started:  # otherwise an empty line would precede an error
            self.bars.stop()

    def on_run_start(self, config: RunConfig) -> None:
        """Show the bar with the variant and seed of the run."""
        self.bars.start()
        self.bars.update(self.task, description=f"{config.attention} seed {config.seed}")

    def on_step(self, step: int, steps: int) -> None:
        """Advance the bar."""
        self.bars.update(self.task, completed=step, total=steps)

    def on_epoch(self, metrics: EpochMetrics) -> None:
        """Print the line of an epoch."""
        print_message(
            f"epoch {metrics.epoch:>3}  train {metrics.train_loss:.4f} {metrics.train_accuracy:7.2%}  "
            f"test {metrics.test_loss:.4f} {metrics.test_accuracy:7.2%}  {metrics.time_seconds:6.1f} s"
        )


def train(
    *,
    config: Annotated[RunConfig, Parameter(name="*")] = _DEFAULT_RUN,
    out_folder: DefaultOutFolder = None,
    resume: Flag = False,
    json: JsonFlag = False,
) -> None:
    """Train one network and write a run folder.

    Parameters
    ----------
    out_folder
        The run folder, by default runs/DATA-MODEL-KEY, the same for the same command. It must not contain a
        run with another config.
    resume
        Continue an interrupted run.
    """
    from foveal.analysis.caveats import describe_loaded_weights
    from foveal.study.default_folder import choose_default_folder
    from foveal.study.runner import run

    folder = choose_default_folder(config) if out_folder is None else out_folder
    print_message(f"Run folder: {escape(str(folder))}")
    with _ProgressBar() as progress:
        record = run(config, folder, resume=resume, progress=progress)
    results = {name: record.results[name] for name in _PRINTED_RESULTS} | {"run": str(folder)}
    if json:
        print_json(results)
        return
    stdout.print(
        f"{results['variant']}, seed {results['seed']}: test accuracy [bold]{results['test_accuracy']:.2%}[/] "
        f"after {results['epochs']} epochs, {results['parameters']:,} parameters, "
        f"{results['seconds']:.0f} s, {results['images_per_second']:,.0f} images/s"
    )
    if weights := describe_loaded_weights(record):
        stdout.print(f"weights {weights}", soft_wrap=True, markup=False)
    stdout.print(f"run     {folder}", soft_wrap=True, markup=False)
