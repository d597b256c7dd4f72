"""Independent random streams from one seed.

Variants with the same seed must share backbone weights, data order and augmentation, whatever other
random numbers they draw. So each purpose has its own named stream, and no stream affects another.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def derive_seed(seed: int, *names: str | int) -> int:
    """Return the 63-bit seed of the stream `names` of `seed`; it is the same on every machine.

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
    """Seed torch with the stream `names` of `seed` inside the block, and restore its generators afterwards."""
    import torch

    # For each kind of device that is absent, `torch.manual_seed` would store the seed with a stack trace.
    has_accelerator = torch.accelerator.is_available()
    set_seed = torch.manual_seed if has_accelerator else torch.default_generator.manual_seed
    with torch.random.fork_rng():
        set_seed(derive_seed(seed, *names))
        yield
