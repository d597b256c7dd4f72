"""Spearman's rank correlation of maps."""

from __future__ import annotations

import numpy as np
import torch
from scipy import stats
from torch import Tensor


def compute_rank_correlation(first: Tensor, second: Tensor) -> Tensor:
    """Return Spearman's rank correlation of each pair of rows, float64 (N,), from values (N, M).

    Equal values share their mean rank. NaN for a row in which one side is flat.

    >>> compute_rank_correlation(torch.tensor([[1.0, 2.0, 3.0]]), torch.tensor([[1.0, 8.0, 9.0]])).tolist()
    [1.0]
    """
    a, b = (_compute_centered_ranks(values) for values in (first, second))
    with np.errstate(invalid="ignore"):
        correlation = (a * b).sum(1) / np.sqrt((a**2).sum(1) * (b**2).sum(1))
    return torch.from_numpy(correlation)


def _compute_centered_ranks(values: Tensor) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Return the ranks within each row minus their mean, (N, M)."""
    ranks = stats.rankdata(values.double().cpu().numpy(), axis=1)
    return np.asarray(ranks - ranks.mean(1, keepdims=True))
