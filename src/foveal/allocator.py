"""Setting of the C library's malloc: freed memory stays with the process."""

from __future__ import annotations

import ctypes
import os
from typing import Final

_GLIBC: Final = "libc.so.6"
# Options of `mallopt`, from malloc.h.
_TRIM_THRESHOLD: Final = -1
_TOP_PAD: Final = -2
_MMAP_MAX: Final = -4

_NEVER: Final = -1
_HEAP_STEP_BYTES: Final = (
    64 << 20
)  # below it, the heap of a thread would still be returned at each step
_THRESHOLD_VARIABLES: Final = ("MALLOC_MMAP_", "MALLOC_TRIM_", "MALLOC_TOP_PAD_")


def keep_freed_memory() -> bool:
    """Make malloc keep freed memory for the next allocations of this process; return True if it does.

    By default glibc, the C library of most Linux systems, returns large feature maps to the system after each
    training step, and every page of the next step has to be cleared again. Call this once, before the first
    step. Numbers stay the same. The process then keeps its peak memory until it ends.

    Nothing changes, and the result is False, without glibc (macOS, Windows, musl), with another malloc that is
    preloaded, and if the environment sets thresholds of malloc (`MALLOC_MMAP_THRESHOLD_` and others, or
    `GLIBC_TUNABLES`).
    """
    if _has_user_thresholds():
        return False
    try:
        glibc = ctypes.CDLL(_GLIBC)
        set_option = glibc.mallopt
    except (OSError, AttributeError):
        return False
    if _get_malloc_address(glibc) != _get_malloc_address(ctypes.CDLL(None)):
        return False
    # Large blocks come from the heap, not from a mapping of their own, and the heap never shrinks.
    settings = ((_MMAP_MAX, 0), (_TRIM_THRESHOLD, _NEVER), (_TOP_PAD, _HEAP_STEP_BYTES))
    return all(set_option(option, value) == 1 for option, value in settings)


def _has_user_thresholds() -> bool:
    """Return True if the environment of this process sets thresholds of glibc's malloc."""
    has_variable = any(name.startswith(_THRESHOLD_VARIABLES) for name in os.environ)
    return has_variable or "glibc.malloc" in os.environ.get("GLIBC_TUNABLES", "")


def _get_malloc_address(library: ctypes.CDLL) -> int | None:
    """Return the address of `malloc` in a loaded library, or in all of them."""
    return ctypes.cast(library.malloc, ctypes.c_void_p).value
