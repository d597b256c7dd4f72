"""`python -m foveal`, and the command `foveal`."""

import gc
import sys

from foveal.cli import main
from foveal.cli.allocator import keep_pages

OBJECTS = (
    50_000  # between two searches for garbage: what is imported stays, and is searched in vain
)


def start() -> int:
    """Run the command line in a process of its own."""
    keep_pages(sys.argv[1:])
    gc.set_threshold(OBJECTS)
    code = main()
    gc.freeze()  # what is left ends with the process: to search it takes a second
    return code


if __name__ == "__main__":
    sys.exit(start())
