"""The command `foveal list`."""

from __future__ import annotations

from rich.markup import escape
from rich.table import Table

from foveal.cli.console import print_json, stdout
from foveal.cli.options import JsonFlag


def list_names(*, json: JsonFlag = False) -> None:
    """List attention modules with their options, models and data sets."""
    from foveal.attention import available, get_entry
    from foveal.data import list_data_names
    from foveal.models import list_models

    entries = {name: get_entry(name) for name in available()}
    if json:
        attention = {
            name: {"summary": module.summary, "where": module.where, "options": module.options}
            for name, module in entries.items()
        }
        print_json({"attention": attention, "models": list_models(), "data": list_data_names()})
        return
    table = Table("attention", "summary", "options", show_lines=True)
    for name, module in entries.items():
        options = ", ".join(f"{option}={value}" for option, value in module.options.items())
        table.add_row(name, escape(module.summary), escape(options))
    stdout.print(table)
    stdout.print("models  " + ", ".join(list_models()))
    stdout.print(
        "data    "
        + ", ".join(list_data_names())
        + ", a folder, hf:owner/name, or package.module:callable"
    )
