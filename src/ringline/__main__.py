"""`python -m ringline`: the command line."""

import sys

from ringline.cli.program import main

if __name__ == "__main__":
    sys.exit(main())
