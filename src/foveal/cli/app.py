"""The commands of foveal, and the exit code and message of each error."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from cyclopts import App, CycloptsError, Group, Parameter, ValidationError
from cyclopts.config import Dict

import foveal
from foveal.cli.console import print_message
from foveal.errors import FovealError, UsageError, unknown_name

_INTERRUPTED_EXIT_CODE = 130

# The function of each command and its line in `foveal --help`. A command is imported when it runs, so that
# help and errors do not wait for the imports of all commands.
COMMANDS = {
    "demo": (
        "foveal.cli.ablate:demo",
        "Compare five variants on synthetic images in a few minutes, offline.",
    ),
    "plan": (
        "foveal.cli.plan:plan",
        "Estimate how long a study takes and which differences it can detect.",
    ),
    "train": ("foveal.cli.train:train", "Train one network and write a run folder."),
    "ablate": (
        "foveal.cli.ablate:ablate",
        "Train every variant with every seed and compare the variants.",
    ),
    "status": ("foveal.cli.status:status", "Show the progress of a study."),
    "evaluate": (
        "foveal.cli.evaluate:evaluate",
        "Evaluate the network of a finished run on its test set.",
    ),
    "explain": (
        "foveal.cli.explain:explain",
        "Draw occlusion maps of the networks of runs and studies.",
    ),
    "hypotheses": (
        "foveal.cli.hypotheses:hypotheses",
        "Test two claims about when attention helps: small objects, varying colors.",
    ),
    "cost": (
        "foveal.cli.cost:cost",
        "Measure what attention costs: parameters, operations, memory, latency.",
    ),
    "report": ("foveal.cli.report:report", "Write the report of a study or a run."),
    "serve": (
        "foveal.cli.serve:serve",
        "Serve a local page that shows predictions and occlusion maps of an image.",
    ),
    "export": (
        "foveal.cli.export:export",
        "Export the network of a finished run and check the exported file.",
    ),
    "list": (
        "foveal.cli.list_names:list_names",
        "List attention modules with their options, models and data sets.",
    ),
    "doctor": (
        "foveal.cli.doctor:doctor",
        "Show versions, hardware and the numerical settings of a run on this machine.",
    ),
}


def _build_app(tokens: Sequence[str]) -> App:
    """Return the app of the command line `tokens`, with every command registered by its import path.

    A command that `tokens` name keeps the complete help of its docstring; the others have one line each.
    """
    app = App(
        name="foveal",
        version=foveal.__version__,
        help="Add attention to any CNN, and learn, with evidence, whether it helps.",
        exit_on_error=False,
        print_error=False,
        result_action="return_value",
        suppress_keyboard_interrupt=False,
    )
    for name, (path, summary) in COMMANDS.items():
        app.command(
            path,
            name=name,
            help=None if name in tokens else summary,
            group_parameters=Group("Options", sort_key=1),
        )

    def run_command(
        *tokens: Annotated[str, Parameter(show=False, allow_leading_hyphen=True)],
        config: Annotated[
            Path | None,
            Parameter(help="TOML file of options. Options on the command line override it."),
        ] = None,
        debug: Annotated[  # noqa: ARG001  # `main` reads it
            bool, Parameter(negative="", help="Show the traceback of an error.")
        ] = False,
    ) -> object:
        """Read the options of `config`, then run the command."""
        if tokens and not tokens[0].startswith("-") and tokens[0] not in COMMANDS:
            raise unknown_name("command", tokens[0], COMMANDS)
        options = {} if config is None else _read_config_file(config)
        app.config = (Dict(options, source=str(config), use_commands_as_keys=False),)
        return app(tokens)

    app.meta.default(run_command)
    app.meta.group_parameters = Group("Every command", sort_key=2)
    app.meta.suppress_keyboard_interrupt = False
    return app


def _read_config_file(path: Path) -> dict[str, object]:
    """Return the options of a TOML file, such as the config of a finished run.

    Raises:
        UsageError: the file is missing or is not TOML.
    """
    try:
        options = tomllib.loads(path.read_text())
    except FileNotFoundError as error:
        raise UsageError(f"There is no file {path}.") from error
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} is not a TOML file ({error}).") from error
    options.pop("schema", None)
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0, 1 for failure, 2 for wrong use, 130 for Ctrl-C."""
    tokens = list(sys.argv[1:] if arguments is None else arguments)
    try:
        _build_app(tokens).meta(tokens)
    except (FovealError, CycloptsError) as error:
        if "--debug" in tokens:
            raise
        print_message(f"[bold red]foveal:[/] {_format_error_line(error)}")
        return getattr(error, "exit_code", UsageError.exit_code)
    except KeyboardInterrupt:
        print_message(
            "Interrupted. Finished runs are kept. Repeat the command to continue (`train`: add --resume)."
        )
        return _INTERRUPTED_EXIT_CODE
    return 0


def _format_error_line(error: Exception) -> str:
    """Return the message of an error as one line of rich markup."""
    if isinstance(error, ValidationError):
        from pydantic import ValidationError as PydanticError

        from foveal.study.config import to_usage_error

        if isinstance(error.__cause__, PydanticError):
            error = to_usage_error(error.__cause__)
    return " ".join(str(error).split()).replace("[", r"\[")
