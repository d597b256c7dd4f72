"""Course of a sequential study: its lines against intervals computed by hand."""

import math

import numpy as np
import pytest
from scipy.stats import t

from foveal.analysis import describe_course
from foveal.records import read_study
from foveal.stats import plan_looks
from records.test_stored_study import STORED


def test_decided_comparisons_have_their_interval() -> None:
    (cell,) = read_study(STORED).split_by_cell()
    channel, spatial = describe_course(cell)
    assert channel.startswith("channel: at 8 seeds -10.56 points (")
    assert channel.endswith("), equivalent")
    assert spatial.startswith("spatial: at 4 seeds -8.33 points (")


def test_open_comparison_names_what_decides() -> None:
    """Without its later runs, the variant that took eight seeds waits for the look at six."""
    record = read_study(STORED)
    kept = tuple(
        run for run in record.runs if run.results["variant"] == "none" or run.results["seed"] < 5
    )
    (cell,) = type(record)(record.folder, record.design, kept).split_by_cell()
    accuracies = [np.array(cell.accuracies[name][:5]) for name in ("channel", "none")]
    sd = math.sqrt(sum(values.var(ddof=1) for values in accuracies) / 2)
    level = plan_looks(10, comparisons=2).difference_levels[2]
    half_width = t.ppf(1 - level / 2, 10) * sd * math.sqrt(2 / 6)
    line = describe_course(cell)[0]
    assert "; at 6 seeds more than " in line
    assert float(line.split("more than ")[1].split()[0]) == pytest.approx(
        100 * half_width, abs=0.006
    )
