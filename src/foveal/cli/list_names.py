"""The command `foveal list`."""

from __future__ import annotations

from rich.markup import escape
from rich.table import Table

from foveal.cli.console import print_json, stdout
from foveal.cli.options import JsonFlag


def list_names(*, json: JsonFlag = False) -> None:
    """List attention modules with their options, models and data sets.

    A name may be written in any case. Class names and the other names in the table are accepted too.
    """
    from foveal.attention import available, get_entry
    from foveal.data import list_data_names
    from foveal.models import list_model_names

    entries = [get_entry(name) for name in available()]
    if json:
        attention = {
            entry.name: {
                "summary": entry.summary,
                "where": entry.where,
                "options": entry.options,
                "aliases": list(entry.aliases),
                "preset_of": entry.preset_of or None,
            }
            for entry in entries
        }
        print_json(
            {"attention": attention, "models": list_model_names(), "data": list_data_names()}
        )
        return
    table = Table("attention", "other names", "summary", "options", show_lines=True)
    for entry in entries:
        options = ", ".join(f"{option}={value}" for option, value in entry.options.items())
        table.add_row(entry.name, "\n".join(entry.aliases), escape(entry.summary), escape(options))
    stdout.print(table)
    stdout.print("models  " + ", ".join(list_model_names()))
    stdout.print(
        "data    "
        + ", ".join(list_data_names())
        + ", a folder, hf:owner/name, or package.module:callable"
    )
