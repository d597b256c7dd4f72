"""Gate statistics of several runs are summarized by gate."""

from foveal.analysis import summarize_gates
from report.fake_records import make_gates


def test_useless_gates_are_counted_over_the_runs() -> None:
    summaries = summarize_gates([("channel", make_gates()), ("none", None)])
    assert [each.redundant_share for each in summaries] == [0.0, 1.0]
