"""`python -m sirev` is the command `sirev`."""

import os
import sys

if not sys.flags.safe_path and sys.path and sys.path[0] in ("", os.getcwd()):
    del sys.path[0]  # `-m` looks for modules in the present folder first, whatever lies there

from sirev.cli.main import main

if __name__ == "__main__":
    main()
