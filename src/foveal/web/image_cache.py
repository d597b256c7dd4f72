"""Cache of a few items in memory, each under a random token."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from typing import Generic, TypeVar

T = TypeVar("T")


class ImageCache(Generic[T]):
    """Least-recently-used cache of at most `capacity` items.

    >>> cache = ImageCache[str](capacity=2)
    >>> first, second = cache.add("first"), cache.add("second")
    >>> cache.get(first)
    'first'
    >>> third = cache.add("third")
    >>> cache.get(second) is None, len(cache)
    (True, 2)
    """

    def __init__(self, *, capacity: int) -> None:
        self.capacity = capacity
        self.items: OrderedDict[str, T] = OrderedDict()

    def __len__(self) -> int:
        return len(self.items)

    def add(self, item: T) -> str:
        """Store an item and return its token, which cannot be guessed."""
        token = secrets.token_urlsafe(16)
        self.items[token] = item
        while len(self.items) > self.capacity:
            self.items.popitem(last=False)
        return token

    def get(self, token: str) -> T | None:
        """Return the item of a token, or None if it is not in the cache."""
        if token not in self.items:
            return None
        self.items.move_to_end(token)
        return self.items[token]
