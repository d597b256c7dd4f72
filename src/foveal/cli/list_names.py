"""The command `foveal list`."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from rich.markup import escape

from foveal.cli.console import print_json, stdout
from foveal.cli.options import JsonFlag

if TYPE_CHECKING:
    from foveal.attention import AttentionEntry

_DATA_NAMES: Final = "a folder, hf:owner/name, or package.module:callable"
_MODEL_NAMES: Final = "torchvision/NAME, timm/NAME, or package.module:callable"


def list_names(name: str | None = None, /, *, json: JsonFlag = False) -> None:
    """List attention modules, models and data sets; describe one module.

    A name may be written in any case. Class names and the other names in the table are accepted too.

    Parameters
    ----------
    name
        An attention module to describe: its formula, its options and their defaults.
    """
    from foveal.attention import available, get_entry
    from foveal.data import list_data_names
    from foveal.models import list_model_names

    if name is not None:
        entry = get_entry(name)
        if json:
            print_json({"name": entry.name, **_make_entry_output(entry)})
            return
        for line in _describe_entry(entry):
            stdout.print(line, markup=False, soft_wrap=True)
        return
    entries = [get_entry(name) for name in available()]
    models, data = list_model_names(), list_data_names()
    if json:
        attention = {entry.name: _make_entry_output(entry) for entry in entries}
        print_json({"attention": attention, "models": models, "data": data})
        return
    rows = [("none", "the plain network, with which the others are compared")]
    rows += [(entry.name, _summarize_entry(entry)) for entry in entries]
    rows.append(("timm/NAME", "an attention module of timm"))
    stdout.print("[bold]attention[/]")
    for row_name, summary in rows:
        stdout.print(f"{row_name:<15}{escape(summary)}", no_wrap=True, overflow="ellipsis")
    for title, names, others in (("models", models, _MODEL_NAMES), ("data", data, _DATA_NAMES)):
        stdout.print(f"\n[bold]{title}[/]\n{', '.join(names)}, {others}")
    stdout.print("\nFormula and options of a module: foveal list cbam")


def _make_entry_output(entry: AttentionEntry) -> dict[str, Any]:
    """Return an attention module as JSON values."""
    return {
        "summary": entry.summary,
        "where": entry.where,
        "options": entry.options,
        "aliases": list(entry.aliases),
        "preset_of": entry.preset_of or None,
    }


def _summarize_entry(entry: AttentionEntry) -> str:
    """Return the summary of a module, or the options in which a preset differs from its module."""
    if entry.preset_of:
        return f"{entry.preset_of} with {_join_options(entry.preset_options)}"
    return entry.summary


def _join_options(options: Mapping[str, object]) -> str:
    """Return options as text, such as `reduction=16, bias=True`."""
    return ", ".join(f"{option}={value}" for option, value in options.items())


def _describe_entry(entry: AttentionEntry) -> list[str]:
    """Return the names, the documentation and the options of a module, line by line."""
    names = " = ".join([entry.name, *entry.aliases])
    lines = [f"{names}, inserted at: {entry.where}", ""]
    if entry.preset_of:
        lines += [f"{entry.preset_of} with {_join_options(entry.preset_options)}", ""]
    lines += (inspect.getdoc(entry.factory) or "").splitlines()
    lines += ["", "Options and defaults:"]
    lines += [f"  {option}={value}" for option, value in entry.options.items()] or ["  none"]
    example = next((f":{name}={value}" for name, value in entry.options.items()), "")
    return [*lines, "", f"Use: foveal ablate --attention {entry.name}{example}"]
