"""What is written above a map, and what its colors count."""

from __future__ import annotations

from typing import Final

UNITS: Final = {
    "prob": "drop of the probability of the class",
    "logit": "drop of the logit of the class",
    "logprob": "drop of the log-probability of the class",
    "margin": "drop of the margin of the class",
    "relative": "drop of the probability, as a share of it",
}
RIGHT, WRONG = "\N{CHECK MARK}", "\N{BALLOT X}"


def mark_of(guess: int, label: int | None) -> str:
    """Return the mark before a prediction, none where the truth is not known."""
    if label is None:
        return ""
    return f"{RIGHT} " if guess == label else f"{WRONG} "


def panel_title(
    guess: int,
    label: int | None,
    name: str,
    *,
    probability: float,
    fall: float,
    votes: int = 1,
    seeds: int = 1,
) -> str:
    r"""Say what is predicted, by how many of several seeds, and below it how sure that is.

    >>> panel_title(3, 3, "cat", probability=0.5, fall=0.2, votes=2, seeds=3)
    '✓ cat 2/3\np 0.50, drop 0.20'
    """
    share = f" {votes}/{seeds}" if seeds > 1 else ""
    return f"{mark_of(guess, label)}{name}{share}\n{sureness(probability, fall)}"


def sureness(probability: float, fall: float) -> str:
    """Say how sure a network is, and how far hiding lowers that.

    >>> sureness(0.5, -0.001)
    'p 0.50, drop 0.00'
    """
    return f"p {probability:.2f}, drop {round(fall, 2) + 0.0:.2f}"
