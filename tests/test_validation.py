"""Validation: what each check accepts and refuses."""

import math
import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest
import torch

from foveal.errors import FovealError, UsageError
from foveal.validation import (
    require_finite_logits,
    require_in_range,
    require_int,
    require_logits,
    require_odd,
    require_one_of,
    require_positive,
    require_positive_int,
    require_strictly_between,
)


@pytest.mark.parametrize(
    ("check", "accepted", "refused"),
    [
        (lambda v: require_one_of("x", v, {"a": 1, "b": 2}), ["a", "b"], ["c", "A", ""]),
        (lambda v: require_int("x", v, minimum=0), [0, 7, np.int64(3)], [-1, 1.0, True, "1", None]),
        (lambda v: require_positive_int("x", v), [1, 2], [0, -1, 2.0, False]),
        (lambda v: require_odd("x", v), [1, 7], [0, 2, 3.0]),
        (lambda v: require_positive("x", v), [1e-9, 3], [0, -1.0, math.nan]),
        (lambda v: require_strictly_between("x", v, 0, 1), [0.5], [0, 1, math.nan]),
        (lambda v: require_in_range("x", v, 0, 1), [0, 0.5, 1], [-0.1, 1.1, math.nan]),
    ],
)
def test_accepts_and_refuses(
    check: Callable[[object], object], accepted: list[object], refused: list[object]
) -> None:
    assert [check(value) for value in accepted] == accepted
    for value in refused:
        with pytest.raises(UsageError, match=r"Parameter `x` should be .* Found `x = "):
            check(value)


def test_accepts_logits_of_every_image() -> None:
    logits = torch.zeros(3, 10)
    assert require_logits(logits, 3) is logits


@pytest.mark.parametrize("output", [torch.zeros(2, 10), torch.zeros(3), None, (), np.zeros((3, 2))])
def test_refuses_outputs_that_are_not_logits(output: object) -> None:
    with pytest.raises(FovealError, match=r"logits of shape \(3, K\) for 3 images"):
        require_logits(output, 3)


def test_names_the_first_row_that_is_not_finite() -> None:
    logits = torch.zeros(4, 2)
    require_finite_logits(logits, str)
    logits[2, 1] = math.inf
    with pytest.raises(FovealError, match="not finite for image 12"):
        require_finite_logits(logits, lambda row: f"image {row + 10}")


def test_needs_no_torch() -> None:
    code = "import sys, foveal.validation, foveal.variant_names; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
