"""View of one cell of a study's grid, or of a single run, as the sections of a report need it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from foveal.analysis import (
    Answer,
    NextSteps,
    VariantRuns,
    find_next_steps,
    list_variant_costs,
    write_answer,
    write_cell_answer,
)
from foveal.analysis.training_times import describe_disturbed_times
from foveal.records import Design, StudyRecord
from foveal.records.run import Arrays
from foveal.stats import Comparison
from foveal.text_format import BYTES_PER_MB
from foveal.variant_names import BASELINE

_CostColumn = tuple[str, str, str, float]
_STEP_COLUMN: Final[_CostColumn] = ("training step", "step_seconds", "{:,.1f} ms", 0.001)
_TIME_COLUMN: Final[_CostColumn] = ("training", "training_seconds", "{:,.1f} s", 1.0)
TIME_KEYS: Final = (_STEP_COLUMN[1], _TIME_COLUMN[1])
"""Keys of the costs that are measured times."""
_MEMORY_COLUMN: Final[_CostColumn] = (
    "training memory",
    "saved_bytes",
    "{:,.1f} MB",
    float(BYTES_PER_MB),
)


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
    def is_sequential(self) -> bool:
        """True for a study that looks at its results at planned numbers of seeds."""
        return self.design is not None and bool(self.design.looks)

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
    def test_images(self) -> int:
        """Number of test images."""
        return len(self.groups[0].runs[0].predictions["labels"])

    @property
    def comparisons(self) -> list[Comparison]:
        """The comparisons of each variant: with the baseline, then with its controls."""
        return [comparison for group in self.groups for comparison in group.comparisons]

    @cached_property
    def answer(self) -> Answer:
        """The answer of this cell in one sentence."""
        if self.study is None:
            return write_answer([], accuracies={})
        return write_cell_answer(self.study, self.comparisons)

    @cached_property
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
    def seed_count(self) -> int:
        """The largest number of runs of a variant."""
        return max(len(group.runs) for group in self.groups)

    @property
    def baseline(self) -> VariantRuns | None:
        """The runs of the baseline, if one is finished."""
        return self.groups_by_variant.get(BASELINE)

    @property
    def compared_groups(self) -> tuple[VariantRuns, ...]:
        """The variants that figures compare with the baseline; the only one of a single run."""
        others = tuple(group for group in self.groups if group.variant != BASELINE)
        return others or self.groups

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

    @property
    def has_step_times(self) -> bool:
        """True if the study has timed the training steps of all variants in turns."""
        costs = self.costs.values()
        return bool(costs) and all(cost.get("step_seconds") for cost in costs)

    @cached_property
    def has_reliable_times(self) -> bool:
        """True if the training times of the variants can be compared."""
        return self.study is None or not describe_disturbed_times(self.study)

    @property
    def cost_columns(self) -> list[_CostColumn]:
        """Heading, key, format and divisor of the costs that the table of results shows."""
        if not self.costs:
            return []
        return [_STEP_COLUMN if self.has_step_times else _TIME_COLUMN, _MEMORY_COLUMN]

    @property
    def cost_headings(self) -> list[str]:
        """Headings of the costs in the table of results."""
        return ["parameters", *(column[0] for column in self.cost_columns)]

    def list_extras(self, name: str) -> list[tuple[str, Arrays | None]]:
        """Return the variant and the extra `name` of every run; None for a run without this extra."""
        return [
            (group.variant, run.extras.get(name)) for group in self.groups for run in group.runs
        ]
