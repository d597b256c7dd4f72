"""`foveal plan`: seeds, time and default number of workers."""

import json

import pytest

from cli.cli_runs import SMALL_RUN, join_lines, run_foveal
from foveal.training import count_cpu_cores

PLAN = ["plan", *SMALL_RUN, "--attention", "none,cbam", "--sd", "0.4", "--detect", "0.5"]


def test_json_contains_the_plan(capsys: pytest.CaptureFixture[str]) -> None:
    content = json.loads(run_foveal(capsys, *PLAN, "--workers", "0", "--json"))
    assert content["seeds_needed"] == 12
    assert content["runs"] == 10
    assert content["seconds"] > 0
    assert content["workers"] == count_cpu_cores()  # one core per run of one thread


def test_text_contains_the_plan(capsys: pytest.CaptureFixture[str]) -> None:
    text = join_lines(run_foveal(capsys, *PLAN))
    assert "12 seeds to detect 0.5 points" in text
    assert "sd 0.4 points from run to run (given)" in text
