"""Where foveal keeps what it can make again."""

import os
from pathlib import Path

import platformdirs


def cache_folder() -> Path:
    """Return the user's cache folder, `FOVEAL_CACHE` if that is set; it may not exist yet."""
    chosen = os.environ.get("FOVEAL_CACHE")
    return Path(chosen).expanduser() if chosen else Path(platformdirs.user_cache_dir("foveal"))
