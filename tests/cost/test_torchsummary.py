"""Memory table of the original study: the printed numbers, and the corrected ones."""

import pytest

from foveal.cost import measure_cost
from foveal.cost.torchsummary import (
    compute_corrected_bytes,
    compute_printed_bytes,
    list_original_calls,
)
from foveal.models import build_model

MB = 2**20


def test_corrected_total_is_that_of_our_network() -> None:
    assert compute_corrected_bytes(list_original_calls(cbam=False)) / MB == pytest.approx(
        1.4377, abs=5e-5
    )
    assert compute_corrected_bytes(list_original_calls(cbam=True)) / MB == pytest.approx(
        2.79, abs=5e-3
    )
    # Our max pool returns no indices, and the corrected total does not count them either.
    ours = measure_cost(build_model("convnet"), (3, 32, 32), latency=False).totals
    softmax = 2 * 4 * 10  # the last layer of the original network
    assert ours.forward_backward_bytes + softmax == compute_corrected_bytes(
        list_original_calls(cbam=False)
    )


def test_printed_totals() -> None:
    without, with_cbam = (
        compute_printed_bytes(list_original_calls(cbam=cbam)) for cbam in (False, True)
    )
    assert without == 8 * 87_906_284
    assert with_cbam == 8 * 87_728_876
    assert f"{without / MB:.2f}" == "670.67"
    assert f"{with_cbam / MB:.2f}" == "669.32"


def test_two_trees_of_modules_print_the_same_total() -> None:
    flat = [call for call in list_original_calls(cbam=True) if call.name != "cbam"]
    nested = [call for call in list_original_calls(cbam=True) if call.name != "channel gate"]
    assert compute_printed_bytes(flat) == compute_printed_bytes(nested)
