"""View of one cell of a study's grid, or of a single run, as the sections of a report need it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from foveal.analysis import NextSteps, VariantRuns, find_next_steps, list_variant_costs
from foveal.records import Design, StudyRecord
from foveal.records.run import Arrays
from foveal.stats import Comparison
from foveal.variant_names import BASELINE


@dataclass(frozen=True)
class CellView:
    """The finished runs in one cell of a study, grouped by variant.

    `study` contains the runs of this cell only, and is None for a single run. `label` names the cell,
    or is empty for a study without a grid. `number` counts the cells of a report from 1.
    """

    groups: tuple[VariantRuns, ...]
    study: StudyRecord | None = None
    label: str = ""
    number: int = 1

    @property
    def is_single_run(self) -> bool:
        """True if this is one run, without a study to compare it in."""
        return self.study is None

    @property
    def design(self) -> Design | None:
        """The design of the study."""
        return None if self.study is None else self.study.design

    @property
    def suffix(self) -> str:
        """The suffix that keeps names of tables, figures and sections unique across cells."""
        return "" if self.number == 1 else f"-{self.number}"

    @property
    def shared_results(self) -> dict[str, Any]:
        """The results of the first run, for values that all runs share."""
        return dict(self.groups[0].runs[0].results)

    @property
    def classes(self) -> list[str]:
        """Names of the K classes."""
        return self.groups[0].classes

    @property
    def comparisons(self) -> list[Comparison]:
        """The comparisons of each variant: with the baseline, then with its controls."""
        return [comparison for group in self.groups for comparison in group.comparisons]

    @property
    def next_steps(self) -> NextSteps | None:
        """The steps that would decide; None if no comparison is undecided."""
        return None if self.study is None else find_next_steps(self.study, self.comparisons)

    @property
    def has_intervals(self) -> bool:
        """True if enough seeds are finished for the interval of a difference."""
        return any(comparison.detectable_difference is not None for comparison in self.comparisons)

    @property
    def has_several_seeds(self) -> bool:
        """True if at least one variant has more than one run."""
        return any(len(group.runs) > 1 for group in self.groups)

    @property
    def baseline(self) -> VariantRuns | None:
        """The runs of the baseline, if one is finished."""
        return self.groups_by_variant.get(BASELINE)

    @cached_property
    def groups_by_variant(self) -> dict[str, VariantRuns]:
        """The runs of each variant by its name."""
        return {group.variant: group for group in self.groups}

    @cached_property
    def costs(self) -> dict[str, dict[str, Any]]:
        """The stored cost of each variant by its name."""
        if self.study is None:
            return {}
        return {cost["variant"]: cost for cost in list_variant_costs(self.study)}

    def add_label(self, title: str) -> str:
        """Return a title with the label of the cell, if it has one."""
        return f"{title}: {self.label}" if self.label else title

    def list_extras(self, name: str) -> list[tuple[str, Arrays | None]]:
        """Return the variant and the extra `name` of every run; None for a run without this extra."""
        return [
            (group.variant, run.extras.get(name)) for group in self.groups for run in group.runs
        ]
