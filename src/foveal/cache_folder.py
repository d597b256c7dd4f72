"""The cache folder: files that foveal can create again, such as decoded images and compiled kernels."""

import os
import sys
from pathlib import Path


def get_cache_folder() -> Path:
    """Return foveal's cache folder. It may not exist yet.

    The environment variable `FOVEAL_CACHE` takes precedence over the folder `foveal` in the user's caches.
    """
    configured = os.environ.get("FOVEAL_CACHE")
    return Path(configured).expanduser() if configured else _get_user_cache_folder() / "foveal"


def _get_user_cache_folder() -> Path:
    """Return the folder in which programs keep the user's caches, by the rules of the operating system."""
    xdg_folder = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if xdg_folder.is_absolute():
        return xdg_folder
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    return Path.home() / ".cache"
