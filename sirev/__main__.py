"""The command `sirev`, as a script and by `python -m sirev`."""

import os
import signal
import sys

if not sys.flags.safe_path and sys.path and sys.path[0] in ("", os.getcwd()):
    del sys.path[0]  # `-m` looks for modules in the current folder first


def script() -> None:
    """Entry point: `sirev.cli.main.main`. Ctrl-C during its import ends the process silently."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # a background job ignores it
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from sirev.cli.main import main

    main()


if __name__ == "__main__":
    script()
