"""How the time of all that reads a model's text grows with it: texts that are hostile to patterns, of up to 10^6 characters.

    python benchmarks/linear.py [--most N]

Of each function and each shape of text: CPU seconds at a length over those at half of it, at the first length that takes 30 ms,
else at the longest; the largest ratio is shown with its shape, and the slowest text of the longest length.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.grading.hostile_texts import FUNCTIONS, SHAPES, growth, seconds

LEAST = 0.005
"""CPU seconds below which a ratio is noise."""
STEADY = 2.5
"""A ratio above which it is looked at again: the least counts, since a machine is only ever too slow."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--most", type=int, default=10**6, help="characters of the longest texts")
    most = parser.parse_args().most
    print(f"{len(FUNCTIONS)} functions, {len(SHAPES)} shapes, up to {most:,} characters")
    print(f"{'function':26}{'growth':>8}  {'of':42}{'seconds':>9}  of")
    for name, function in FUNCTIONS.items():
        grown, slowest = (0.0, ""), (0.0, "")
        for told, shape in SHAPES.items():
            length, ratio = growth(function, shape, most=most, enough=0.03)
            for _ in range(4 if ratio > STEADY else 0):
                ratio = min(ratio, growth(function, shape, most=most, enough=0.03)[1])
            took = seconds(function, shape(most))
            slowest = max(slowest, (took, told))
            if took * length / most >= LEAST:
                grown = max(grown, (ratio, told))
        print(f"{name:26}{grown[0]:8.2f}  {grown[1]:42}{slowest[0]:9.3f}  {slowest[1]}")


if __name__ == "__main__":
    main()
