"""Table of runs that were trained anywhere: variant, seed, value and data set of each run, from any columns."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from foveal.errors import UsageError, unknown_name
from foveal.stats.table_cells import is_empty, is_numeric, list_names, parse_seeds, parse_values
from foveal.text_format import replace_unprintable

VARIANT_NAMES: Final = ("variant", "attention", "method", "model", "arm", "algorithm", "config")
SEED_NAMES: Final = ("seed", "random_seed", "run_seed", "manual_seed", "rng_seed")
VALUE_NAMES: Final = (
    "value", "test_accuracy", "test_acc", "accuracy", "acc", "score", "metric", "result",
)  # fmt: skip
BASELINE_NAMES: Final = ("none", "baseline", "base", "plain", "vanilla", "control", "reference")
_BEST: Final = re.compile(r"(?:^|_)(?:best|max|maximum|min|minimum|peak)(?:_|$)")


@dataclass(frozen=True, eq=False)
class RunTable:
    """Runs of a table in its order, one per row.

    Attributes:
        variants: variant of each run.
        seeds: seed of each run; the number of the run within its variant if the table has no seeds.
        values: final outcome of each run, as in the table.
        data: data set of each run; empty without a column of data sets.
        outcome: name of the outcome.
        has_seeds: True if the table has a column of seeds.
        is_best: True if the outcome is a best epoch or a maximum over epochs.
        notes: what was guessed or left out, a sentence each.
    """

    variants: tuple[str, ...]
    seeds: tuple[int, ...]
    values: npt.NDArray[np.float64]
    data: tuple[str, ...]
    outcome: str
    has_seeds: bool = True
    is_best: bool = False
    notes: tuple[str, ...] = ()


def make_run_table(
    table: Any,
    *,
    baseline: str | None = None,
    variant_column: str | None = None,
    seed_column: str | None = None,
    value_column: str | None = None,
    data_column: str | None = None,
    allow_best: bool = False,
) -> RunTable:
    """Return the runs of a table: a row per run, or a column per variant and a row per seed.

    Columns that are not named are guessed from their names, and `notes` says which they are.

    Args:
        table: a mapping from names to columns, a data frame of pandas or polars, a table of pyarrow, or what
            narwhals reads.
        baseline: name of the baseline; a wide table is recognized by its column.
        variant_column: name of the column of variants.
        seed_column: name of the column of seeds.
        value_column: name of the column of outcomes.
        data_column: name of the column of data sets.
        allow_best: accept a best epoch or a maximum over epochs as the outcome.

    Raises:
        UsageError: a column is missing or ambiguous, a value is not a number, or the outcome is a best epoch.

    >>> make_run_table({"variant": ["none", "cbam"], "seed": [0, 0], "value": [0.7, 0.8]}).outcome
    'value'
    """
    columns = _read_columns(table)
    for name in (variant_column, seed_column, value_column, data_column):
        if name is not None and name not in columns:
            raise unknown_name("column", name, columns)
    notes: list[str] = []
    seed_name = seed_column or _guess_column(columns, SEED_NAMES, "seeds", notes)
    variant_name = variant_column or _guess_column(columns, VARIANT_NAMES, "variants", notes)
    others = [name for name in columns if name not in (seed_name, variant_name, data_column)]
    if variant_name is None:
        baselines = BASELINE_NAMES if baseline is None else (baseline,)
        if value_column is not None or not {
            name if baseline else name.lower() for name in others
        } & {*baselines}:
            raise UsageError(
                f"The table has no column of variants among {list_names(columns)}. "
                "Name it with --variant-column."
            )
        columns, others = _melt(columns, others, seed_name, data_column, notes)
        variant_name, value_name, is_best = "variant", "value", False
    else:
        value_name = value_column or _guess_value_column(columns, others, notes)
        is_best = is_best_name(value_name)
    if is_best and not allow_best:
        raise UsageError(
            f"The column {value_name!r} is a best epoch or a maximum over epochs, which favors variants "
            "that vary more. Use final values, or add --allow-best."
        )
    variants = [_clean_name(name) for name in columns[variant_name]]
    values = parse_values(columns[value_name], variants, value_name)
    seeds = (
        _number_runs(variants, columns[data_column] if data_column else None)
        if seed_name is None
        else None
    )
    if seed_name is None:
        notes.append(
            "The table has no column of seeds: the runs of a variant count in their order."
        )
    return RunTable(
        tuple(variants),
        tuple(seeds if seeds is not None else parse_seeds(columns[str(seed_name)])),
        values,
        ("",) * len(variants)
        if data_column is None
        else tuple(_clean_name(name) for name in columns[data_column]),
        _clean_name(value_name),
        seed_name is not None,
        is_best,
        tuple(notes),
    )


def _clean_name(name: object) -> str:
    r"""Return a name in one line without control characters, which could break a terminal or a table.

    >>> _clean_name(" two\n lines\x1b[31m") == "two lines\N{REPLACEMENT CHARACTER}[31m"
    True
    """
    return replace_unprintable(" ".join(str(name).split()))


def _read_columns(table: Any) -> dict[str, list[Any]]:
    """Return the columns of a table as lists of equal length."""
    names: Iterable[Any] | None = None
    if isinstance(table, Mapping):
        names = table.keys()
    elif hasattr(table, "column_names") and hasattr(table, "column"):  # pyarrow
        names = table.column_names
    elif hasattr(table, "columns") and hasattr(table, "__getitem__"):  # pandas, polars
        names = table.columns
    else:
        table = _convert_by_narwhals(table)
        names = table.columns
    columns = {str(name): _to_list(table[name]) for name in names}
    lengths = {name: len(column) for name, column in columns.items()}
    if not columns or not all(lengths.values()):
        raise UsageError("The table has no runs.")
    if len(set(lengths.values())) > 1:
        raise UsageError(f"The columns of the table differ in length: {lengths}.")
    return columns


def _convert_by_narwhals(table: Any) -> Any:
    """Return any other data frame as a frame of narwhals."""
    try:
        import narwhals

        return narwhals.from_native(table, eager_only=True)
    except (ImportError, TypeError) as error:
        raise UsageError(
            "Parameter `table` should have columns: a dict of arrays, or a data frame. "
            f"Found {type(table).__name__}."
        ) from error


def _to_list(column: Any) -> list[Any]:
    """Return a column as a list of Python values."""
    for method in ("to_pylist", "tolist", "to_list"):
        if hasattr(column, method):
            return list(getattr(column, method)())
    return list(column)


def _simplify(name: str) -> str:
    """Return a column name in lower case with underscores.

    >>> _simplify("Test Acc. (%)")
    'test_acc'
    """
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


def _guess_column(
    columns: Mapping[str, object], names: Sequence[str], role: str, notes: list[str]
) -> str | None:
    """Return the first column with one of the names, or None; a note names a column with another spelling."""
    simple = {_simplify(name): name for name in reversed(list(columns))}
    found = next((simple[name] for name in names if name in simple), None)
    if found is not None:
        notes.append(f"The column of {role} is {found!r}.")
    return found


def _guess_value_column(
    columns: Mapping[str, list[Any]], others: Sequence[str], notes: list[str]
) -> str:
    """Return the column of outcomes: one with a usual name, otherwise the only numeric one."""
    simple = {_simplify(name): name for name in others}
    numeric = [name for name in others if is_numeric(columns[name])]
    usual = [simple[name] for name in VALUE_NAMES if name in simple]
    final = [name for name in numeric if not is_best_name(name)]
    candidates = usual[:1] or (final if len(final) == 1 else numeric)
    if len(candidates) != 1:
        raise UsageError(
            f"The column of outcomes cannot be guessed among {list_names(numeric or others)}. "
            "Name it with --value-column."
        )
    notes.append(f"The column of outcomes is {candidates[0]!r}.")
    return candidates[0]


def is_best_name(name: str) -> bool:
    """Return True for the name of a best epoch or of a maximum over epochs.

    >>> [is_best_name(name) for name in ("best_acc", "val/acc.max", "maximal margin", "accuracy")]
    [True, True, False, False]
    """
    return bool(_BEST.search(_simplify(name)))


def _melt(
    columns: Mapping[str, list[Any]],
    others: Sequence[str],
    seed_name: str | None,
    data_column: str | None,
    notes: list[str],
) -> tuple[dict[str, list[Any]], list[str]]:
    """Return the columns of a wide table with a row per run; an empty cell is a run that is missing."""
    names = [name for name in others if is_numeric(columns[name])]
    if len(names) < 2:
        raise UsageError(
            f"The table has no column of variants among {list_names(columns)}. "
            "Name it with --variant-column."
        )
    notes.append(f"The table has a column per variant: {list_names(names)}.")
    kept = [name for name in (seed_name, data_column) if name is not None]
    long: dict[str, list[Any]] = {name: [] for name in ("variant", "value", *kept)}
    missing = 0
    for name in names:
        for row, cell in enumerate(columns[name]):
            if is_empty(cell):
                missing += 1
                continue
            long["variant"].append(name)
            long["value"].append(cell)
            for each in kept:
                long[each].append(columns[each][row])
    if missing:
        notes.append(f"Empty cells are runs that are missing: {missing}.")
    return long, ["value"]


def _number_runs(variants: Sequence[str], data: Sequence[Any] | None) -> list[int]:
    """Return the number of each run within its variant and data set, from 0 on."""
    counts: dict[tuple[str, str], int] = {}
    numbers = []
    for row, variant in enumerate(variants):
        key = variant, "" if data is None else str(data[row])
        numbers.append(counts.get(key, 0))
        counts[key] = numbers[-1] + 1
    return numbers
