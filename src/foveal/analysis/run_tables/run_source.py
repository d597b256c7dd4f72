"""Runs of a table or a folder as columns, with what was seen on the way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from foveal.stats import Judgment, Suspicion


@dataclass(frozen=True, eq=False)
class RunSource:
    """Runs of a table or a folder, ready for `foveal.stats.judge`.

    Attributes:
        columns: a row per run, or any table of a file.
        column_names: options of `judge` that name columns.
        notes: what was seen, a sentence each.
        suspicions: signs that the runs are not what a verdict assumes.
        chance: accuracy of guessing, if the folder has it.
        test_images: number of test images, if the folder has it.
        given: the options of `judge` with which it was read.
    """

    columns: Mapping[str, Sequence[Any]]
    column_names: Mapping[str, str | None]
    notes: tuple[str, ...] = ()
    suspicions: tuple[Suspicion, ...] = ()
    chance: float | None = None
    test_images: int | None = None
    given: Mapping[str, Any] = field(default_factory=dict)

    @property
    def options(self) -> dict[str, Any]:
        """Options of `judge`: those given, with the columns of this source and what the folder has."""
        known = {"chance": self.chance, "test_images": self.test_images}
        found = {name: value for name, value in known.items() if not self.given.get(name)}
        return {**self.given, **found, **self.column_names}

    @property
    def named_columns(self) -> dict[str, str]:
        """Columns, settings and metrics that were named, by option."""
        return {name: self.given[name] for name in self.column_names if self.given.get(name)}

    def add_findings(self, judgment: Judgment) -> Judgment:
        """Return a judgment with the notes and suspicions of this source before its own."""
        return replace(
            judgment,
            notes=(*self.notes, *judgment.notes),
            suspicions=(*self.suspicions, *judgment.suspicions),
        )
