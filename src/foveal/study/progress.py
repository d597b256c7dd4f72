"""What a long piece of work tells whoever watches it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from foveal.study.config import RunConfig
    from foveal.training import Epoch


class Progress:
    """Told of each run, step and epoch; this one keeps silent."""

    def begin_run(self, config: RunConfig) -> None:
        """A run starts, or goes on."""

    def step(self, done: int, steps: int) -> None:
        """One training step is done, of `steps` in the run."""

    def epoch(self, row: Epoch) -> None:
        """An epoch is done and evaluated."""

    def end_run(self, config: RunConfig) -> None:
        """The run is complete on disk."""
