"""Help of a command: examples that work, and the options of a large command in groups."""

import re
import shlex

import pytest

from cli.cli_runs import run_foveal
from foveal.cli.app import COMMANDS, build_app
from foveal.cli.help_layout import EXAMPLES, OPTION_GROUPS, OPTION_PANEL

MAX_UNGROUPED_OPTIONS = 10


def list_options(command: str) -> list[str]:
    """Return the options of a command that its help shows, without dashes."""
    arguments = build_app([command])[command].assemble_argument_collection()
    shown = [argument for argument in arguments if argument.show and argument.index is None]
    return [argument.name.removeprefix("--") for argument in shown]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_of_a_large_command_has_a_group(command: str) -> None:
    options = list_options(command)
    assert len(options) <= MAX_UNGROUPED_OPTIONS or command in OPTION_GROUPS
    if command in OPTION_GROUPS:
        grouped = [name for names in OPTION_GROUPS[command].values() for name in names]
        assert set(options) <= set(grouped)
        assert len(grouped) == len(set(grouped))


def test_help_shows_the_groups_in_their_order(capsys: pytest.CaptureFixture[str]) -> None:
    text = run_foveal(capsys, "ablate", "--help")
    titles = re.findall(r"^╭─ (.*?) ─", text, re.MULTILINE)
    groups = [title for title in OPTION_GROUPS["ablate"] if title != "What it can detect"]
    assert titles == [*groups, "Every command"]
    assert OPTION_PANEL not in titles
    first_options = re.findall(r"│ (--[a-z-]+)", text)[:2]
    assert first_options == ["--attention", "--seeds"]
    assert "[default: False]" not in text


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_examples_are_shown_and_can_be_parsed(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = run_foveal(capsys, *command.split(), "--help").splitlines()
    if command != "doctor":
        assert [line.strip() for line in lines[2:4]] == list(EXAMPLES[command])
    for example in EXAMPLES.get(command, ()):
        program, *tokens = shlex.split(example)
        assert program == "foveal"
        build_app(tokens).parse_args(tokens)
