"""The command `foveal train`."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as ProgressBars

from foveal.cli.console import print_json, print_message, stderr, stdout
from foveal.cli.options import DefaultOutFolder, Flag, JsonFlag
from foveal.errors import UsageError
from foveal.study.config import RunConfig
from foveal.study.progress import Progress
from foveal.text_format import format_count
from foveal.training import EpochMetrics

if TYPE_CHECKING:
    from foveal.records import RunRecord

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
            disable=not stderr.is_terminal,
        )
        self.task = self.bars.add_task("", total=None)
        self.epochs = 1

    def __enter__(self) -> _ProgressBar:
        return self

    def __exit__(self, *_: object) -> None:
        if self.bars.live.is_started:  # otherwise an empty line would precede an error
            self.bars.stop()

    def on_run_start(self, config: RunConfig) -> None:
        """Show the bar with the first epoch of the run, and the heading of the lines of epochs."""
        self.epochs = config.epochs
        print_message("[dim]  epoch  train loss  accuracy  test loss  accuracy     time[/]")
        self.bars.start()
        self._describe_epoch(1)

    def on_step(self, step: int, steps: int) -> None:
        """Advance the bar."""
        self.bars.update(self.task, completed=step, total=steps)
        self._describe_epoch(step * self.epochs // steps + 1)

    def on_epoch(self, metrics: EpochMetrics) -> None:
        """Print the line of an epoch."""
        print_message(
            f"{metrics.epoch:>3}/{self.epochs:<3}  {metrics.train_loss:10.4f}  {metrics.train_accuracy:8.2%}  "
            f"{metrics.test_loss:9.4f}  {metrics.test_accuracy:8.2%}  {metrics.time_seconds:5.1f} s"
        )

    def _describe_epoch(self, epoch: int) -> None:
        """Show the number of the epoch in front of the bar."""
        epoch = min(epoch, self.epochs)
        self.bars.update(self.task, description=f"epoch {epoch} of {self.epochs}, step")


def train(
    *,
    config: Annotated[RunConfig, Parameter(name="*")] = _DEFAULT_RUN,
    out_folder: DefaultOutFolder = None,
    log: str = "",
    resume: Flag = False,
    json: JsonFlag = False,
) -> None:
    """Train one network and write a run folder.

    The folder contains the weights (model/), the accuracy and loss of each epoch (metrics.csv), the prediction
    for each test image (predictions.npz), the results (results.json) and every option (config.toml).

    Parameters
    ----------
    out_folder
        The run folder, by default runs/DATA-MODEL-KEY, the same for the same command. It must not contain a
        run with another config.
    log
        Log curves and final values to tensorboard, mlflow or both, separated by a comma.
    resume
        Continue an interrupted run.
    """
    from foveal.analysis.caveats import describe_loaded_weights
    from foveal.study.default_folder import choose_default_folder
    from foveal.study.runner import run
    from foveal.study.trackers import RunLog, parse_trackers, place_run

    if "," in config.attention:
        raise UsageError(
            "`foveal train` trains one variant. To compare several: "
            f"foveal ablate --attention {config.attention}"
        )
    folder = choose_default_folder(config) if out_folder is None else out_folder
    trackers = parse_trackers(log)
    options = escape(f"{config.model}, {config.data}, {config.attention}, seed {config.seed}")
    print_message(
        f"{options}: 1 run of {format_count(config.epochs, 'epoch')}, in {escape(str(folder))}. "
        "Ctrl-C stops; --resume continues."
    )
    with _ProgressBar() as progress, RunLog(trackers, place_run(folder), progress) as run_log:
        record = run(config, folder, resume=resume, progress=run_log)
        run_log.log_results(record.results)
    for warning in run_log.warnings:
        print_message(escape(warning))
    results = {name: record.results[name] for name in _PRINTED_RESULTS} | {"run": str(folder)}
    if json:
        print_json(results)
        return
    _print_results(record)
    if weights := describe_loaded_weights(record):
        stdout.print(f"weights {weights}", soft_wrap=True, markup=False)
    stdout.print(
        f"Run: {folder}: weights in model/, curves in metrics.csv, predictions.npz, results.json, config.toml",
        soft_wrap=True,
        markup=False,
    )


def _print_results(record: RunRecord) -> None:
    """Print the test accuracy of a run beside what guessing reaches, and its cost."""
    results, labels = record.results, record.predictions["labels"].tolist()
    guessing = max(Counter(labels).values()) / len(labels)
    stdout.print(
        f"{escape(results['variant'])}, seed {results['seed']}: test accuracy "
        f"[bold]{results['test_accuracy']:.2%}[/] after {format_count(results['epochs'], 'epoch')}; "
        f"guessing reaches {guessing:.2%}"
    )
    stdout.print(
        f"[dim]{results['parameters']:,} parameters, {results['seconds']:.0f} s, "
        f"{results['images_per_second']:,.0f} images/s[/]"
    )
