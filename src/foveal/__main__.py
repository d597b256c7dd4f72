"""Entry point of `python -m foveal` and of the command `foveal`."""

import gc
import sys
from typing import Final

from foveal.allocator import keep_freed_memory
from foveal.optional_imports import MissingPackageError

# Imported objects are permanent: a higher threshold avoids collections that search them in vain.
GC_THRESHOLD: Final = 50_000


def start() -> int:
    """Run the command line and return its exit code."""
    try:
        from foveal.cli import main
    except MissingPackageError as error:
        sys.stderr.write(f"foveal: {error}\n")
        return error.exit_code
    keep_freed_memory()
    gc.set_threshold(GC_THRESHOLD)
    code = main()
    gc.freeze()  # skips a collection of all objects when the process ends
    return code


if __name__ == "__main__":
    sys.exit(start())
