"""`python -m foveal`, and the command `foveal`."""

import sys

from foveal.cli import main
from foveal.cli.allocator import keep_pages


def start() -> int:
    """Run the command line in a process of its own."""
    keep_pages(sys.argv[1:])
    return main()


if __name__ == "__main__":
    sys.exit(start())
