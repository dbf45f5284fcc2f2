"""Draw the README's picture of the demonstration, pass@1 and what it hides, for light and dark backgrounds.

The numbers are read from the three claims in docs/demonstration.md, so that the picture always matches the page.

    python tests/picture.py
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
sys.path.append(str(CHECKOUT))

from sirev.reporting.figures.canvas import DARK, LIGHT, METHOD_COLOURS, OKABE_ITO, Ink, mixed  # noqa: E402

PAGE = CHECKOUT / "docs" / "demonstration.md"
INKS = {"headline.svg": LIGHT, "headline-dark.svg": DARK}
"""File in docs/images -> its colours."""
PANELS = [
    ("pass@1", "Problems solved", "at the first try", 1),
    ("Variety", "Distinct ones of eight", "correct answers", 4),
    ("Reach", "Longer problems solved", "by any of 32 samples", 7),
]
"""Title, the two lines below it, and the column in the page's table."""
PITCH, LEFT, WIDE = 252, 46, 112
"""Pixels from one panel to the next, from a panel's left edge to its axis, and from M_1 to M_5."""
TOP, HIGH = 96, 190
"""Pixels above the axes, and the height of 100%."""
LINE = 18
"""The least distance of two labels, in pixels."""


def drawn(page: str, ink: Ink) -> str:
    """The picture as SVG."""
    rows = dict(re.findall(r"^\| \*\*([\w-]+), claim\*\* (\|.*)$", page, re.M))
    ends = {method: [change(cell) for cell in row.split("|")] for method, row in rows.items()}
    says = "; ".join(
        f"{title}: " + ", ".join(f"{method} {cells[n][0]:g} to {cells[n][1]:g}%" for method, cells in ends.items())
        for title, _, _, n in PANELS
    )
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {PITCH * len(PANELS)} {TOP + HIGH + 40}" role="img" '
            f'font-family="system-ui, -apple-system, Segoe UI, sans-serif" font-size="15" fill="{ink.muted}">',
            f"<title>The demonstration, first model to fifth, mean of three seeds. {says}.</title>",
            *(line for place, panel in enumerate(PANELS) for line in of_panel(place, panel, ends, ink)),
            "</svg>\n",
        ]
    )


def change(cell: str) -> tuple[float, float]:
    """The two numbers of a cell such as "9.3 → 81.2"; zeros if it has none."""
    found = re.search(r"([\d.]+) → ([\d.]+)", cell)
    return (float(found[1]), float(found[2])) if found else (0.0, 0.0)


def of_panel(place: int, panel: tuple[str, str, str, int], ends: dict[str, list[tuple[float, float]]], ink: Ink) -> Iterator[str]:
    """Yield the elements of one panel."""
    title, first, second, column = panel
    left = place * PITCH + LEFT
    yield f'<text x="{left - 40}" y="24" font-size="19" font-weight="600" fill="{ink.text}">{title}</text>'
    yield f'<text x="{left - 40}" y="46">{first}</text>'
    yield f'<text x="{left - 40}" y="65">{second}</text>'
    for percent, written in ((0, "0"), (50, "50"), (100, "100%")):
        yield f'<path d="M{left} {height(percent)}h{WIDE}" stroke="{ink.rule}"/>'
        yield f'<text x="{left - 6}" y="{height(percent) + 5}" text-anchor="end" font-size="13">{written}</text>'
    yield f'<text x="{left}" y="{TOP + HIGH + 24}" text-anchor="middle">M₁</text>'
    yield f'<text x="{left + WIDE}" y="{TOP + HIGH + 24}" text-anchor="middle">M₅</text>'
    labels = apart({method: height(cells[column][1]) for method, cells in ends.items()})
    for method, cells in ends.items():
        colour = mixed(OKABE_ITO[METHOD_COLOURS[method]], "#ffffff", 1 - ink.lift)
        before, after = map(height, cells[column])
        yield f'<path d="M{left} {before}L{left + WIDE} {after}" stroke="{colour}" stroke-width="3" stroke-linecap="round"/>'
        yield f'<circle cx="{left + WIDE}" cy="{after}" r="5" fill="{colour}"/>'
        text = f'{cells[column][1]:.0f} <tspan font-weight="400">{method}</tspan>'
        yield f'<text x="{left + WIDE + 11}" y="{labels[method] + 5}" font-weight="600" fill="{colour}">{text}</text>'


def height(percent: float) -> float:
    """The y coordinate of a percentage, in pixels from the top."""
    return round(TOP + HIGH * (1 - percent / 100), 1)


def apart(places: dict[str, float]) -> dict[str, float]:
    """The y coordinates of labels, moved down by as little as keeps them apart."""
    placed: dict[str, float] = {}
    for name in sorted(places, key=lambda name: places[name]):
        placed[name] = max([places[name], *(other + LINE for other in placed.values())])
    return placed


if __name__ == "__main__":
    for name, ink in INKS.items():
        (CHECKOUT / "docs" / "images" / name).write_text(drawn(PAGE.read_text(), ink))
