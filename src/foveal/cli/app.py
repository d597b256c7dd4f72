"""The commands, and what happens when one of them cannot do its work."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from cyclopts import App, CycloptsError, Parameter, ValidationError
from cyclopts.config import Dict
from pydantic import ValidationError as PydanticError

import foveal
from foveal.cli.ablate import ablate, demo
from foveal.cli.console import say
from foveal.cli.cost import cost
from foveal.cli.doctor import doctor
from foveal.cli.evaluate import evaluate
from foveal.cli.explain import explain
from foveal.cli.export import export
from foveal.cli.hypotheses import hypotheses
from foveal.cli.list_names import list_names
from foveal.cli.plan import plan
from foveal.cli.report import report
from foveal.cli.serve import serve
from foveal.cli.status import status
from foveal.cli.train import train
from foveal.errors import FovealError, UsageError
from foveal.study.config import to_usage_error

INTERRUPTED = 130

app = App(
    name="foveal",
    version=foveal.__version__,
    help="Add attention to any CNN, and learn, with evidence, whether it helps.",
    exit_on_error=False,
    print_error=False,
    result_action="return_value",
)
COMMANDS = (
    demo,
    plan,
    train,
    ablate,
    status,
    evaluate,
    explain,
    hypotheses,
    cost,
    report,
    serve,
    export,
    list_names,
    doctor,
)
for command in COMMANDS:
    app.command(command, name="list" if command is list_names else command.__name__)
app.meta.group_parameters = "Every command"
app.suppress_keyboard_interrupt = app.meta.suppress_keyboard_interrupt = False  # see `main`


@app.meta.default
def with_config(
    *tokens: Annotated[str, Parameter(show=False, allow_leading_hyphen=True)],
    config: Annotated[
        Path | None, Parameter(help="TOML file of options; flags go before it.")
    ] = None,
    debug: Annotated[bool, Parameter(negative="", help="Show where an error came from.")] = False,  # noqa: ARG001
) -> object:
    """Read the options of `config`, then run the command."""
    options = {} if config is None else read_options(config)
    app.config = (Dict(options, source=str(config), use_commands_as_keys=False),)
    return app(tokens)


def read_options(path: Path) -> dict[str, object]:
    """Read a TOML file of options; the config of a finished run is one."""
    try:
        options = tomllib.loads(path.read_text())
    except FileNotFoundError as error:
        raise UsageError(f"There is no file {path}.") from error
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} is no TOML file ({error}).") from error
    options.pop("schema", None)
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0, 1 for failure, 2 for wrong use, 130 for Ctrl-C."""
    tokens = list(sys.argv[1:] if arguments is None else arguments)
    try:
        app.meta(tokens)
    except (FovealError, CycloptsError) as error:
        if "--debug" in tokens:
            raise
        say(f"[bold red]foveal:[/] {sentence(error)}")
        return getattr(error, "exit_code", UsageError.exit_code)
    except KeyboardInterrupt:
        say(
            "Interrupted. What was finished is kept; the same command goes on (`train`: with --resume)."
        )
        return INTERRUPTED
    return 0


def sentence(error: Exception) -> str:
    """Return what an error says, in one line."""
    cause = error.__cause__
    if isinstance(error, ValidationError) and isinstance(cause, PydanticError):
        error = to_usage_error(cause)
    return " ".join(str(error).split()).replace("[", r"\[")
