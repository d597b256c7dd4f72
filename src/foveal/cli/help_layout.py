"""Layout of `--help`: two examples above the options, and the options of a large command in groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from cyclopts.help import HelpEntry, HelpPanel
    from rich.console import Console, ConsoleOptions

OPTION_PANEL: Final = "Options"
"""Title of the panel of all options of a command, before they are divided into groups."""
LAST_GROUP: Final = "Output"

_STUDY_GROUPS: Final = {
    "What to compare": (
        "attention", "seeds", "margin", "until-decided", "max-seeds", "futility", "first-seed",
        "se", "wide", "same-time", "grid",
    ),
    "What it can detect": ("like", "pilot", "sd", "detect"),
    "Data": (
        "data", "image-size", "train-size", "test-size", "validation", "crop", "flip", "cutout",
    ),
    "Training": (
        "epochs", "batch-size", "learning-rate", "optimizer", "schedule", "weight-decay",
        "label-smoothing", "gate-learning-rate", "freeze-backbone", "resume",
    ),
    "Network": ("model", "weights", "weights-from", "start", "stem"),
    "Machine": ("device", "workers", "threads", "dtype", "memory-format", "kernels"),
    "Cluster": ("ray", "gpus-per-run", "retries", "shard"),
    LAST_GROUP: ("out", "log", "extras", "keep-weights", "json"),
}  # fmt: skip
OPTION_GROUPS: Final[Mapping[str, Mapping[str, Sequence[str]]]] = {
    "ablate": _STUDY_GROUPS,
    "plan": _STUDY_GROUPS,
    "train": {
        "What to train": ("attention", "seed"),
        **{name: _STUDY_GROUPS[name] for name in ("Data", "Training", "Network", "Machine")},
        LAST_GROUP: _STUDY_GROUPS[LAST_GROUP],
    },
    "cost": {
        "What to measure": ("attention", "latency", "compiled", "explain-torchsummary"),
        "Network": ("model", "input", "classes", "stem"),
        "Machine": ("device", "precision", "batch-size"),
        LAST_GROUP: ("depth", "json"),
    },
    "judge": {
        "What to compare": ("baseline", "margin", "lower-is-better"),
        "Table": ("variant-column", "seed-column", "value-column", "data-column", "allow-best"),
        "Seed by seed": ("design", "max-seeds"),
        "Checks": ("test-images", "chance", "self-check"),
        LAST_GROUP: ("exit-code", "html", "markdown", "latex", "json"),
    },
    "explain": {
        "Images": ("per-class", "images", "most-different"),
        "Networks": ("variants", "seeds"),
        "Occlusion": ("window", "stride", "fill", "score", "target"),
        LAST_GROUP: ("metrics", "out", "json"),
    },
}
"""Options of the commands with more than ten, by group, the most wanted ones first."""
EXAMPLES: Final[Mapping[str, Sequence[str]]] = {
    "": ("foveal demo", "foveal ablate --data photos --attention cbam"),
    "demo": ("foveal demo", "foveal demo --out runs/second"),
    "ablate": (
        "foveal ablate --data scenes",
        "foveal ablate --data photos --attention cbam --epochs 30",
    ),
    "plan": (
        "foveal plan --data scenes",
        "foveal plan --data photos --attention cbam --epochs 30 --detect 1",
    ),
    "train": (
        "foveal train --data scenes --attention cbam",
        "foveal train --data photos --model resnet18 --attention bam --epochs 30",
    ),
    "judge": (
        "foveal judge runs.csv --baseline none --margin 0.5",
        "foveal judge losses.parquet --baseline adam --value-column loss --lower-is-better",
    ),
    "report": ("foveal report runs/demo", "foveal report --compare runs/first runs/second"),
    "status": ("foveal status runs/demo", "foveal status runs/demo --json"),
    "list": ("foveal list", "foveal list cbam"),
    "explain": (
        "foveal explain runs/demo",
        "foveal explain runs/demo --variants none,cbam --most-different 10",
    ),
    "cost": (
        "foveal cost --model resnet18 --attention none,cbam,bam",
        "foveal cost runs/demo",
    ),
    "hypotheses": ("foveal hypotheses runs/demo", "foveal hypotheses runs/demo --json"),
    "serve": ("foveal serve runs/demo --open", "foveal serve runs/demo --port 0"),
    "evaluate": ("foveal evaluate runs/cbam", "foveal evaluate runs/cbam --data photos"),
    "export": ("foveal export runs/cbam cbam.onnx", "foveal export runs/cbam cbam.pt2"),
}
"""Two commands that a reader can type, for each command; the empty name stands for the list of commands."""


@dataclass(frozen=True)
class HelpFormatter:
    """Formatter of the help of one command; `command` is empty for the list of commands."""

    command: str

    def render_usage(self, console: Console, options: ConsoleOptions, usage: object) -> None:
        """Print the usage, then the examples."""
        _default_formatter().render_usage(console, options, usage)
        for example in EXAMPLES.get(self.command, ()):
            console.print(f"  {example}", markup=False, highlight=False, soft_wrap=True)
        if self.command in EXAMPLES:
            console.print()

    def __call__(self, console: Console, options: ConsoleOptions, panel: HelpPanel) -> None:
        """Print a panel; print the panel of all options as one panel per group."""
        groups = OPTION_GROUPS.get(self.command)
        entries = [_simplify_entry(entry) for entry in panel.entries]
        if groups is None or panel.title != OPTION_PANEL:
            _default_formatter()(console, options, panel.copy(entries=entries))
            return
        for title, group in divide_entries(entries, groups).items():
            _default_formatter()(console, options, panel.copy(title=title, entries=group))


def divide_entries(
    entries: Sequence[HelpEntry], groups: Mapping[str, Sequence[str]]
) -> dict[str, list[HelpEntry]]:
    """Return the entries of each group in its order, without empty groups; others come last."""
    by_name = {_get_option_name(entry): entry for entry in entries}
    divided = {
        title: [by_name.pop(name) for name in names if name in by_name]
        for title, names in groups.items()
    }
    divided[LAST_GROUP] += by_name.values()
    return {title: group for title, group in divided.items() if group}


def _get_option_name(entry: HelpEntry) -> str:
    """Return the name of an option without dashes; empty for a positional argument."""
    return entry.positive_names[0].removeprefix("--") if entry.positive_names else ""


def _simplify_entry(entry: HelpEntry) -> HelpEntry:
    """Return a flag that is off by default without that default and its negative; others unchanged."""
    if entry.default in {"False", "{}"}:
        return entry.copy(default=None, negative_names=())
    return entry.copy(default=None) if entry.default == "True" else entry


def _default_formatter() -> Any:  # the class is not typed
    """Return the formatter of the library, imported for help only."""
    from cyclopts.help.formatters import DefaultFormatter

    return DefaultFormatter()
