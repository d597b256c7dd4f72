"""One thread in which everything is computed, one task after the other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from foveal.training import Numerics, numerics_context

T = TypeVar("T")


class Worker:
    """Requests queue here: side by side they would share the cores, and all of them would be late.

    One thread, and not a lock around many: each thread that computes keeps a pool of its own for torch.
    """

    def __init__(self, numerics: Numerics) -> None:
        self.numerics = numerics
        self.thread = ThreadPoolExecutor(1, thread_name_prefix="foveal-serve")

    async def do(self, work: Callable[[], T]) -> T:
        """Compute something when its turn comes, and return it."""
        return await asyncio.get_running_loop().run_in_executor(self.thread, self.computed, work)

    def computed(self, work: Callable[[], T]) -> T:
        """Compute something with the threads and the gates that were settled."""
        with numerics_context(self.numerics):
            return work()
