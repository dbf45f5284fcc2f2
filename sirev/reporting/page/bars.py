"""Bars of changes with their intervals, on one scale per page."""

from __future__ import annotations

from collections.abc import Iterable

from sirev.metrics.comparison.verdict_contents import JudgedChange

BAR_WIDTH, HEIGHT, INSET = 240, 20, 7
_LEAST = 2.0
"""Least range of a scale on either side of zero, in margins."""
PADDING = 0.04
"""Free space beyond the outermost values, as a share of the scale."""

Scale = tuple[float, float]
"""The two ends of the bars, in margins, so that the margin of every outcome is a band of the same width."""


def scale_of(outcomes: Iterable[JudgedChange]) -> Scale:
    """The scale that covers the values and intervals of all outcomes, and two margins on either side of zero."""
    ends = [-_LEAST, _LEAST]
    for outcome in outcomes:
        if margin := outcome.get("margin"):
            known = (outcome["difference"][end] for end in ("value", "low", "high"))
            ends += [end / margin for end in known if end is not None]
    free = PADDING * (max(ends) - min(ends))
    return min(ends) - free, max(ends) + free


def bar(outcome: JudgedChange, scale: Scale) -> str:
    """An outcome as SVG: value and interval on a line, zero, and the margin as a band; "" without a margin or value."""
    margin, difference = outcome.get("margin"), outcome["difference"]
    if not margin or difference["value"] is None:
        return ""
    first, last = scale

    def x(value: float) -> float:
        return round(float(INSET + (value / margin - first) / (last - first) * (BAR_WIDTH - 2 * INSET)), 1)

    middle, low, high = HEIGHT / 2, difference["low"], difference["high"]
    line = ""
    if low is not None and high is not None:
        line = f'<line class="span" x1="{x(low)}" x2="{x(high)}" y1="{middle}" y2="{middle}"/>'
    return (
        f'<svg class="bar" viewBox="0 0 {BAR_WIDTH} {HEIGHT}" aria-hidden="true" focusable="false">'
        f'<rect class="margin" x="{x(-margin)}" width="{round(x(margin) - x(-margin), 1)}" y="3" height="{HEIGHT - 6}"/>'
        f'<line class="zero" x1="{x(0)}" x2="{x(0)}" y1="1" y2="{HEIGHT - 1}"/>{line}'
        f'<circle cx="{x(difference["value"])}" cy="{middle}" r="4.5"/></svg>'
    )
