"""Spearman's rank correlation of pairs of rows."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from scipy import stats
from torch import Tensor

CenteredRanks = npt.NDArray[np.float64]
"""Ranks of values (..., M) within each row, minus their mean."""


def compute_rank_correlation(first: Tensor, second: Tensor) -> Tensor:
    """Return Spearman's rank correlation of each pair of rows, float64 (N,), from values (N, M).

    Equal values share their mean rank. NaN for a row in which one side is flat.

    >>> compute_rank_correlation(torch.tensor([[1.0, 2.0, 3.0]]), torch.tensor([[1.0, 8.0, 9.0]])).tolist()
    [1.0]
    """
    return correlate_centered_ranks(*(compute_centered_ranks(values) for values in (first, second)))


def compute_centered_ranks(values: Tensor) -> CenteredRanks:
    """Return the ranks of values (..., M) within each row minus their mean; equal values share a rank."""
    ranks = stats.rankdata(values.double().cpu().numpy(), axis=-1)
    return np.asarray(ranks - ranks.mean(-1, keepdims=True))


def correlate_centered_ranks(first: CenteredRanks, second: CenteredRanks) -> Tensor:
    """Return the correlation of each pair of rows, float64 (...), from ranks (..., M); NaN for flat rows.

    The dimensions before the last are broadcast.
    """
    with np.errstate(invalid="ignore"):
        correlation = (first * second).sum(-1) / np.sqrt((first**2).sum(-1) * (second**2).sum(-1))
    return torch.from_numpy(correlation)
