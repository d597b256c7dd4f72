"""Facts of a study in one line: data, network, length, seeds, machine, date."""

from __future__ import annotations

from datetime import datetime

from foveal.analysis import format_data_name, format_network_name
from foveal.report.cell_view import CellView
from foveal.report.number_text import format_parameters
from foveal.text_format import format_count, join_seeds


def list_facts(cell: CellView) -> tuple[str, ...]:
    """Return the facts of one cell, from its first run."""
    run = cell.groups[0].runs[0]
    config, results, environment = run.config, run.results, run.environment
    train = config.get("train_size")
    trained = f"{int(train):,} training and " if train else ""
    data = (
        f"{format_data_name(str(results['data']))}: {len(cell.classes)} classes, "
        f"{trained}{cell.test_images:,} test images"
    )
    lengths = sorted({each.results["epochs"] for group in cell.groups for each in group.runs})
    epochs = " or ".join(map(str, lengths))
    facts = [
        data,
        f"{format_network_name(str(config['model']))}, {format_parameters(results['parameters'])} parameters",
        f"{epochs} epoch{'' if lengths == [1] else 's'}",
        join_seeds(seed for group in cell.groups for seed in group.seeds),
        _name_device(str(config.get("device", "")), environment.get("cores")),
        _format_date(str(environment.get("date", ""))),
    ]
    return tuple(fact for fact in facts if fact)


def _name_device(device: str, cores: object) -> str:
    """Return the device of a run; a CPU with its cores."""
    if device == "cpu" and cores:
        return format_count(int(str(cores)), "CPU core")
    return {"cuda": "GPU", "mps": "Apple GPU"}.get(device, device)


def _format_date(text: str) -> str:
    """Return a date in ISO form as people write it; empty for anything else.

    >>> _format_date("2026-11-27T22:31:00+00:00"), _format_date("day 0")
    ('27 Nov 2026', '')
    """
    try:
        date = datetime.fromisoformat(text)
    except ValueError:
        return ""
    return f"{date.day} {date:%b %Y}"
