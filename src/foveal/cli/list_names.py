"""`foveal list`."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter
from rich.markup import escape
from rich.table import Table

from foveal.cli.console import out, print_json


def list_names(*, json: Annotated[bool, Parameter(negative="")] = False) -> None:
    """List the attention modules with their options, the models and the data by name.

    Parameters
    ----------
    json
        Print one JSON object on stdout.
    """
    from foveal.attention import available, entry
    from foveal.data import data_names
    from foveal.models import model_names

    entries = {name: entry(name) for name in available()}
    if json:
        attention = {
            name: {"summary": found.summary, "where": found.where, "options": found.options}
            for name, found in entries.items()
        }
        print_json({"attention": attention, "models": model_names(), "data": data_names()})
        return
    table = Table("attention", "what it does", "options", show_lines=True)
    for name, found in entries.items():
        options = ", ".join(f"{option}={value}" for option, value in found.options.items())
        table.add_row(name, escape(found.summary), escape(options))
    out.print(table)
    out.print("models  " + ", ".join(model_names()))
    out.print(
        "data    "
        + ", ".join(data_names())
        + ", a folder, hf:owner/name, or package.module:callable"
    )
