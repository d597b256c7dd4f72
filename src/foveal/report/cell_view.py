"""One setting of a study, or one run, as the sections of the report take it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from foveal.analysis import list_variant_costs
from foveal.analysis.variant_runs import VariantRuns
from foveal.records import Design, StudyRecord
from foveal.records.run import Arrays
from foveal.stats import Comparison
from foveal.variant_names import BASELINE


@dataclass(frozen=True)
class Part:
    """The variants with finished runs in one setting. `study` is None where there is one run only.

    `label` names the cell of a grid, empty where there is none; `place` counts the parts from 1.
    """

    arms: tuple[VariantRuns, ...]
    study: StudyRecord | None = None
    label: str = ""
    place: int = 1

    @property
    def single(self) -> bool:
        """Whether this is one run, which is compared with nothing."""
        return self.study is None

    @property
    def design(self) -> Design | None:
        """The design of the study."""
        return None if self.study is None else self.study.design

    @property
    def suffix(self) -> str:
        """What sets names of tables, pictures and sections of a part apart from those of the others."""
        return "" if self.place == 1 else f"-{self.place}"

    @property
    def results(self) -> dict[str, Any]:
        """The figures of the first run: what all runs share is as it says."""
        return dict(self.arms[0].runs[0].results)

    @property
    def classes(self) -> list[str]:
        """Names of the K classes."""
        return self.arms[0].classes

    @property
    def comparisons(self) -> list[Comparison]:
        """What was found of each variant that is compared with the baseline."""
        return [arm.comparison for arm in self.arms if arm.comparison]

    @property
    def has_intervals(self) -> bool:
        """Whether there are seeds enough for an interval of any difference."""
        return any(comparison.detectable_difference is not None for comparison in self.comparisons)

    @property
    def baseline(self) -> VariantRuns | None:
        """The baseline, where it has a finished run."""
        return next((arm for arm in self.arms if arm.variant == BASELINE), None)

    @property
    def several(self) -> bool:
        """Whether any variant has more than one run, over which there are means."""
        return any(len(arm.runs) > 1 for arm in self.arms)

    def titled(self, title: str) -> str:
        """Return a title that says which of several parts it is of."""
        return f"{title}: {self.label}" if self.label else title

    @cached_property
    def costs(self) -> dict[str, dict[str, Any]]:
        """What is stored of the cost of each variant."""
        if self.study is None:
            return {}
        return {cost["variant"]: cost for cost in list_variant_costs(self.study)}

    def left(self, name: str) -> list[tuple[str, Arrays | None]]:
        """Return what each run left under a name, beside its variant."""
        return [(arm.variant, run.extras.get(name)) for arm in self.arms for run in arm.runs]
