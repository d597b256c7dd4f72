"""Content of an answer: its verdict and its sentences."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Answer:
    """The answer of one cell of a study. Names of variants are in backticks.

    Attributes:
        verdict: better, worse, equivalent, undecided, or mixed.
        lead: the first words, for example `Yes:`.
        sentence: the rest of the first sentence.
        details: further sentences: sizes, why nothing is shown, comparisons with controls.
        title: the answer after the question in the title of a page.
    """

    verdict: str
    lead: str
    sentence: str
    details: tuple[str, ...] = ()
    title: str = ""

    @property
    def text(self) -> str:
        """The whole answer."""
        return " ".join([self.lead, self.sentence, *self.details])
