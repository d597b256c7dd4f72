"""What the page cannot do for a request, said in one sentence with a status of HTTP."""

from __future__ import annotations

from foveal.errors import UsageError, bad_parameter

BAD_REQUEST, FORBIDDEN, NOT_FOUND, TOO_LARGE = 400, 403, 404, 413
LONGEST = 9  # digits: whatever is counted here has fewer


class RefusedError(UsageError):
    """A request that is not served; `status` is the answer's."""

    def __init__(self, message: str, *, status: int = BAD_REQUEST) -> None:
        super().__init__(message)
        self.status = status


def whole_number(name: str, text: str, choices: range) -> int:
    """Return a number that a client sent, refusing what is none or not in `choices`.

    >>> whole_number("page", "2", range(5))
    2
    >>> whole_number("page", "../2", range(5))
    Traceback (most recent call last):
    foveal.errors.UsageError: Parameter `page` should be a whole number from 0 to 4. Found `page = '../2'`.
    """
    plain = text.isascii() and text.isdecimal() and len(text) <= LONGEST
    if not plain or int(text) not in choices:
        should_be = f"a whole number from {choices.start} to {choices.stop - 1}"
        raise bad_parameter(name, should_be, shortened(text))
    return int(text)


def one_of(name: str, text: str, choices: tuple[str, ...]) -> str:
    """Return a word that a client sent, refusing what is not one of `choices`."""
    if text not in choices:
        raise bad_parameter(name, f"one of {', '.join(choices)}", shortened(text))
    return text


def shortened(text: str) -> str:
    """Return at most the beginning of what a client sent."""
    return text if len(text) <= 40 else f"{text[:40]}..."
