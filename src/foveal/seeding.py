"""Independent streams of chance from one seed.

Variants of one seed must share backbone, data order and augmentation, whatever else they draw.
So each use has a stream of its own, named by what it is for, and none moves another.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def derive_seed(seed: int, *names: str | int) -> int:
    """Return the 63-bit seed of the stream `names` of `seed`, the same on every machine.

    >>> derive_seed(0, "gates") == derive_seed(0, "gates") != derive_seed(0, "backbone")
    True
    """
    digest = hashlib.sha256(repr((seed, *names)).encode()).digest()
    return int.from_bytes(digest[:8], "little") >> 1


def make_generator(seed: int, *names: str | int) -> torch.Generator:
    """Return a CPU generator at the start of the stream `names` of `seed`."""
    import torch

    return torch.Generator().manual_seed(derive_seed(seed, *names))


@contextmanager
def fork_rng(seed: int, *names: str | int) -> Iterator[None]:
    """Draw from the stream `names` of `seed` inside, and leave torch's own generators as they were."""
    import torch

    with torch.random.fork_rng():
        torch.manual_seed(derive_seed(seed, *names))
        yield
