"""The command `sirev`, as a script and by `python -m sirev`."""

import os
import signal
import sys

if not sys.flags.safe_path and sys.path and sys.path[0] in ("", os.getcwd()):
    del sys.path[0]  # `-m` looks for modules in the present folder first, whatever lies there


def script() -> None:
    """Entry point: `sirev.cli.main.main`. Ctrl-C ends the process in silence while that is being imported."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # a background job ignores it
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from sirev.cli.main import main

    main()


if __name__ == "__main__":
    script()
