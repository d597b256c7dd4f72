"""Worker thread of the page: runs all computations, one after another."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from foveal.training import Numerics, numerics_context

T = TypeVar("T")


class Worker:
    """A queue of computations with a single thread.

    In parallel, requests would share the cores and all become slow. A lock around several threads is not
    enough, because torch keeps a thread pool for each thread that computes.
    """

    def __init__(self, numerics: Numerics) -> None:
        self.numerics = numerics
        self.thread = ThreadPoolExecutor(1, thread_name_prefix="foveal-serve")

    async def run(self, task: Callable[[], T]) -> T:
        """Run a task after those in the queue, and return its result."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self.thread, self.run_in_context, task)

    def run_in_context(self, task: Callable[[], T]) -> T:
        """Run a task with the resolved threads and kernels, and return its result."""
        with numerics_context(self.numerics):
            return task()
