"""The check on a real GPU, from a checkout: `python tests/gpu/check.py [--device cpu] [--full]` is `sirev doctor --gpu-check`.

It is not a pytest test, since it takes minutes and a GPU. The checks are in `sirev.machine.gpu_check`, and so available in an
installed sirev.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def main() -> None:
    """Run the command with this program's arguments."""
    sys.path.insert(0, str(ROOT))
    from sirev.cli.main import main as sirev

    sys.argv[1:] = ["doctor", "--gpu-check", *sys.argv[1:]]
    sirev()


if __name__ == "__main__":
    main()
