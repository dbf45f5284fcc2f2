"""Differences drawn as intervals, all of a page on one scale that holds every one of them."""

from __future__ import annotations

from collections.abc import Iterable

from sirev.metrics.comparison.verdict_contents import JudgedChange

BAR_WIDTH, HEIGHT, INSET = 240, 20, 7
_LEAST = 2.0
"""Margins on either side of zero that a scale shows at least."""
PADDING = 0.04
"""Share of a scale left free beyond the outermost value."""

Scale = tuple[float, float]
"""The two ends of the bars, in margins: a bar of every outcome then shows its own margin as a band of the same width."""


def scale_of(outcomes: Iterable[JudgedChange]) -> Scale:
    """The scale that holds the values and intervals of all outcomes, zero, and the margins."""
    ends = [-_LEAST, _LEAST]
    for outcome in outcomes:
        if margin := outcome.get("margin"):
            known = (outcome["difference"][end] for end in ("value", "low", "high"))
            ends += [end / margin for end in known if end is not None]
    free = PADDING * (max(ends) - min(ends))
    return min(ends) - free, max(ends) + free


def bar(outcome: JudgedChange, scale: Scale) -> str:
    """An outcome's interval and value on a line, with zero and the margin of "same" as a band; "" without a margin or a value."""
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
