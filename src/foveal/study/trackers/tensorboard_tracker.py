"""TensorBoard: event files that `tensorboard --logdir` shows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch.utils.tensorboard import SummaryWriter

from foveal.study.trackers.log import LogPlace


class TensorBoardTracker:
    """Event files of one run in `FOLDER/RUN`; a run that continues adds a file."""

    def __init__(self, place: LogPlace) -> None:
        self._writer: Any = SummaryWriter(str(place.folder / place.run))

    def log_options(self, options: Mapping[str, Any]) -> None:
        """Log the options as a table."""
        rows = [f"| {name} | {value} |" for name, value in options.items()]
        self.log_text("options", "\n".join(["| option | value |", "| :-- | :-- |", *rows]))

    def log_values(self, values: Mapping[str, float], step: int) -> None:
        """Log a scalar per name."""
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)
        self._writer.flush()

    def log_text(self, name: str, text: str) -> None:
        """Log a text."""
        self._writer.add_text(name, text)

    def close(self, *, is_finished: bool) -> None:  # noqa: ARG002 - a file may always be continued
        """Close the file."""
        self._writer.close()
