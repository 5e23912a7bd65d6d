"""``python -m grukit``."""

import sys

from grukit.cli import main

if __name__ == "__main__":
    sys.exit(main())
