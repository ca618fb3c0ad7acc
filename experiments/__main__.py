"""``python -m experiments`` is the command ``adalora``."""

import sys

from .cli import main

if __name__ == "__main__":
    sys.exit(main())
