"""Course of a sequential study in words: where its comparisons stopped, and what that means."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from foveal.stats import Comparison
from foveal.text_format import join_with_and

_OPEN: Final = "open"


def describe_looks(comparisons: Sequence[Comparison]) -> list[str]:
    """Return sentences on where the comparisons of a sequential study stopped; none for other studies."""
    groups: dict[tuple[str, int], list[str]] = {}
    for comparison in comparisons:
        result = comparison.sequential
        if result is None:
            continue
        seeds = result.next_look or comparison.seeds
        groups.setdefault((result.stop or _OPEN, seeds), []).append(f"`{comparison.variant}`")
    sentences = []
    for (stop, seeds), variants in sorted(groups.items()):
        names = join_with_and(variants)
        were = "was" if len(variants) == 1 else "were"
        sentences.append(
            {
                "verdict": f"{names} {were} decided at {seeds} seeds.",
                "unlikely": f"{names} stopped at {seeds} seeds, because a verdict had become unlikely.",
                "last look": f"{names} reached the last look, at {seeds} seeds.",
                _OPEN: f"The next look at {names} is at {seeds} seeds.",
            }[stop]
        )
    if any(stop == "verdict" for stop, _ in groups):
        sentences.append(
            "A difference found at an early look is likely smaller than it looks; its interval holds."
        )
    return sentences
