"""Cost reports as objects, as JSON and as tables, with their times."""

import json

import pytest
import torch
from torch import nn

from foveal.cost import compare_costs, measure_cost
from foveal.cost.cost_tables import make_layer_table
from foveal.models import build_model


@pytest.fixture(scope="module")
def models() -> dict[str, nn.Module]:
    return {name: build_model("convnet", attention=name) for name in ("none", "cbam")}


def test_report_as_json(models: dict[str, nn.Module]) -> None:
    report = measure_cost(models["cbam"], (3, 32, 32), batch_size=2)
    content = json.loads(json.dumps(report.to_dict()))
    assert content["totals"]["parameters"] == 2_205_348
    assert content["totals"]["element_operations"] == report.totals.element_operations
    assert content["baseline"] == "none"
    assert content["conditions"]["threads"] == torch.get_num_threads()
    assert [site["site"] for site in content["sites"]] == [f"blocks.{k}.relu" for k in range(3)]
    tasks = [(timing["task"], timing["batch_size"]) for timing in content["timings"]]
    assert tasks == [("inference", 1), ("inference", 2), ("training step", 2)]
    for timing in content["timings"]:
        low, middle, high = timing["quartiles"]
        assert 0 < low <= middle <= high
        assert len(timing["ratio_to_baseline"]) == 3
    assert content["peak_bytes"] is None
    for site in content["sites"]:
        assert site["inference"]["batch_size"] == 2
        assert min(site["inference"]["seconds"] + site["training"]["seconds"]) > 0
    assert "Time of each gate alone" in report.to_markdown()


def test_all_networks_have_the_same_rounds(models: dict[str, nn.Module]) -> None:
    reports = compare_costs(models, (3, 32, 32)).reports
    rounds = {len(t.seconds) for report in reports.values() for t in report.timings}
    assert min(rounds) >= 5
    for timing, other in zip(reports["cbam"].timings, reports["none"].timings, strict=True):
        assert len(timing.seconds) == len(other.seconds)
        ratios = sorted(a / b for a, b in zip(timing.seconds, other.seconds, strict=True))
        assert ratios[0] <= timing.ratio_to(other)[1] <= ratios[-1]


def test_frozen_network_has_no_training_step() -> None:
    report = measure_cost(nn.Conv2d(3, 2, 3).requires_grad_(False), (3, 5, 7))
    assert [timing.task for timing in report.timings] == ["inference"]
    assert report.totals.saved_bytes == 0


def test_layers_sum_to_the_totals_at_any_depth(models: dict[str, nn.Module]) -> None:
    report = measure_cost(models["cbam"], (3, 32, 32), latency=False)
    assert sum(layer.saved_bytes for layer in report.layers) == report.totals.saved_bytes
    assert sum(layer.macs for layer in report.layers) == report.totals.macs
    for depth in (0, 1, 2, 9):
        rows = make_layer_table(report.layers, depth=depth).rows
        for column, total in ((2, report.totals.parameters), (4, report.totals.macs)):
            assert sum(int(row[column].replace(",", "") or 0) for row in rows) == total
    assert len(make_layer_table(report.layers, depth=0).rows) == 1


def test_tables_escape_markup() -> None:
    class Odd(nn.Linear):
        pass

    Odd.__name__ = "<b>|odd|"
    report = measure_cost(nn.Sequential(Odd(2, 3)), (2,), latency=False)
    assert "<b>" not in report._repr_html_()
    assert '<td style="text-align: right">9</td>' in report._repr_html_()
    assert "Layers" not in report._repr_html_()  # of a large network far too many
    assert "&lt;b&gt;" in compare_costs({"<b>": nn.Linear(2, 3)}, (2,), latency=False)._repr_html_()
    assert r"\|odd\|" in report.to_markdown()
    separators = {line.count(" | ") for line in report.to_markdown().splitlines() if "odd" in line}
    assert separators == {5}


def test_comparison_as_markdown(models: dict[str, nn.Module]) -> None:
    comparison = compare_costs(models, (3, 32, 32), latency=False)
    text = comparison.to_markdown()
    assert "2,205,348 (+0.15 %)" in text
    assert "Not counted: cat." in text
    assert comparison.to_dict()["cbam"]["baseline"] == "none"
    assert str(comparison) == text
