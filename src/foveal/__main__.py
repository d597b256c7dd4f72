"""`python -m foveal`, and the command `foveal`."""

import gc
import sys

from foveal.cli import main
from foveal.cli.allocator import keep_pages

# New objects before the next search for garbage: what is imported stays, and is searched in vain.
OBJECTS = 50_000


def start() -> int:
    """Run the command line in a process of its own."""
    keep_pages(sys.argv[1:])
    gc.set_threshold(OBJECTS)
    code = main()
    gc.freeze()  # what is left ends with the process, and need not be searched
    return code


if __name__ == "__main__":
    sys.exit(start())
