"""A few things kept in memory, each under a name that cannot be guessed."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from typing import Generic, TypeVar

T = TypeVar("T")


class Kept(Generic[T]):
    """At most `most` things; the one that was not asked for longest goes first.

    >>> kept = Kept[str](most=2)
    >>> first, second = kept.put("first"), kept.put("second")
    >>> kept.get(first)
    'first'
    >>> third = kept.put("third")
    >>> kept.get(second) is None, len(kept)
    (True, 2)
    """

    def __init__(self, *, most: int) -> None:
        self.most = most
        self.things: OrderedDict[str, T] = OrderedDict()

    def __len__(self) -> int:
        return len(self.things)

    def put(self, thing: T) -> str:
        """Keep a thing and return its name."""
        token = secrets.token_urlsafe(16)
        self.things[token] = thing
        while len(self.things) > self.most:
            self.things.popitem(last=False)
        return token

    def get(self, token: str) -> T | None:
        """Return the thing of that name, None if there is none any more."""
        if token not in self.things:
            return None
        self.things.move_to_end(token)
        return self.things[token]
