"""The commands of foveal, and the exit code and message of each error."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final

from cyclopts import App, CycloptsError, Group, Parameter, ValidationError
from cyclopts.config import Dict
from cyclopts.exceptions import MissingArgumentError, UnusedCliTokensError

import foveal
from foveal.cli.console import print_message
from foveal.cli.help_layout import EXAMPLES, OPTION_PANEL, HelpFormatter
from foveal.cli.unknown_options import (
    describe_extra_word,
    describe_unknown_option,
    find_unknown_option,
)
from foveal.errors import FovealError, UsageError, unknown_name

_INTERRUPTED_EXIT_CODE = 130

# The commands by group: the function of each and its line in `foveal --help`. A command is imported when it
# runs, so that help and errors do not wait for the imports of all commands.
COMMAND_GROUPS: Final = {
    "Start here": {
        "demo": (
            "foveal.cli.ablate:demo",
            "Compare five variants on small synthetic images in a few minutes, offline.",
        ),
        "train": ("foveal.cli.train:train", "Train one network and write a run folder."),
        "ablate": (
            "foveal.cli.ablate:ablate",
            "Train every variant with every seed and compare the variants.",
        ),
        "judge": (
            "foveal.cli.judge:judge",
            "Give verdicts on a table or a folder of runs that were trained anywhere.",
        ),
        "report": ("foveal.cli.report:report", "Write the report of a study or a run."),
    },
    "Before and during": {
        "plan": (
            "foveal.cli.plan:plan",
            "Estimate how long a study takes and which differences it can detect.",
        ),
        "status": ("foveal.cli.status:status", "Show the progress of a study."),
        "doctor": (
            "foveal.cli.doctor:doctor",
            "Show versions, hardware and the numerical settings of a run on this machine.",
        ),
        "list": (
            "foveal.cli.list_names:list_names",
            "List attention modules, models and data sets; describe one module.",
        ),
    },
    "Look closer": {
        "explain": (
            "foveal.cli.explain:explain",
            "Draw occlusion maps of the networks of runs and studies.",
        ),
        "cost": (
            "foveal.cli.cost:cost",
            "Measure what attention costs: parameters, operations, memory, latency.",
        ),
        "hypotheses": (
            "foveal.cli.hypotheses:hypotheses",
            "Test two claims about when attention helps: small objects, varying colors.",
        ),
        "serve": (
            "foveal.cli.serve:serve",
            "Serve a local page that shows predictions and occlusion maps of an image.",
        ),
    },
    "Files": {
        "evaluate": (
            "foveal.cli.evaluate:evaluate",
            "Evaluate the network of a finished run on its test set.",
        ),
        "export": (
            "foveal.cli.export:export",
            "Export the network of a finished run and check the exported file.",
        ),
    },
}
COMMANDS: Final = {
    name: command for commands in COMMAND_GROUPS.values() for name, command in commands.items()
}


def build_app(tokens: Sequence[str]) -> App:
    """Return the app of the command line `tokens`, with every command registered by its import path.

    The command of `tokens` keeps the complete help of its docstring; the others have one line each.
    """
    app = App(
        name="foveal",
        version=foveal.__version__,
        version_flags=["--version", "-V"],
        help="Add attention to any CNN, and learn, with evidence, whether it helps.",
        exit_on_error=False,
        print_error=False,
        result_action="return_value",
        suppress_keyboard_interrupt=False,
    )
    command = _find_command(tokens)
    every_command = Group("Every command", sort_key=len(COMMAND_GROUPS))
    app.group_commands = every_command
    app.help_formatter = HelpFormatter(command)
    for position, (title, commands) in enumerate(COMMAND_GROUPS.items()):
        group = Group(title, sort_key=position)
        for name, (path, summary) in commands.items():
            app.command(
                path,
                name=name,
                help=None if name == command else summary,
                group=group,
                group_parameters=Group(OPTION_PANEL, sort_key=1),
                sort_key=list(commands).index(name),
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
        options = {} if config is None else _read_config_file(config)
        app.config = (Dict(options, source=str(config), use_commands_as_keys=False),)
        return app(tokens)

    app.meta.default(run_command)
    app.meta.group_parameters = every_command
    app.meta.suppress_keyboard_interrupt = False
    return app


def _translate_help(tokens: list[str]) -> list[str]:
    """Return `help COMMAND` and an empty command line as requests for help.

    >>> _translate_help(["help", "ablate"]), _translate_help([]), _translate_help(["list"])
    (['ablate', '--help'], ['--help'], ['list'])
    """
    if not tokens or tokens[0] == "help":
        return [*tokens[1:], "--help"]
    return tokens


def _find_command(tokens: Sequence[str]) -> str:
    """Return the command of a command line, or an empty text if it has only options.

    Raises:
        UsageError: there is no such command.
    """
    value_of_config = False
    for word in tokens:
        if not word.startswith("-") and not value_of_config:
            if word not in COMMANDS:
                raise unknown_name("command", word, COMMANDS)
            return word
        value_of_config = word == "--config"
    return ""


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
    """Run one command and return its exit code: 0, 1 for failure, 2 for wrong use, 130 for Ctrl-C.

    A command may return another code, such as that of a verdict.
    """
    tokens = _translate_help(list(sys.argv[1:] if arguments is None else arguments))
    try:
        app = build_app(tokens)
        try:
            code = app.meta(tokens)
        except CycloptsError as error:
            if explanation := _explain_parse_error(app, tokens, error):
                raise UsageError(explanation) from error
            raise
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
    return code if isinstance(code, int) else 0


def _explain_parse_error(app: App, tokens: Sequence[str], error: CycloptsError) -> str | None:
    """Return what to type instead of an unknown option, an extra word or a missing argument.

    An unknown option is named first, even if a required argument is missing too. None for other errors.
    """
    command = _find_command(tokens)
    parts = [app[command], app.meta] if command else [app.meta]
    known = {
        name for part in parts for arg in part.assemble_argument_collection() for name in arg.names
    }
    option = find_unknown_option(tokens, known | {*app.help_flags, *app.version_flags})
    if option is not None:
        return describe_unknown_option(option, known)
    if error.unused_tokens and isinstance(error, UnusedCliTokensError):
        return describe_extra_word(error.unused_tokens[0], known)
    if isinstance(error, MissingArgumentError) and error.argument and not error.argument.tokens:
        if error.argument.index is None:
            return f"{error.argument.name} needs a value."
        name = error.argument.name.lstrip("-").upper()
        return f"`foveal {command}` needs {name}, for example: {EXAMPLES[command][0]}"
    return None


def _format_error_line(error: Exception) -> str:
    """Return the message of an error as one line of rich markup."""
    if isinstance(error, ValidationError):
        from pydantic import ValidationError as PydanticError

        from foveal.study.config import to_usage_error

        if isinstance(error.__cause__, PydanticError):
            error = to_usage_error(error.__cause__)
    return " ".join(str(error).split()).replace("[", r"\[")
