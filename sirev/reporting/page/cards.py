"""The verdicts as cards: the word first, then why, then the outcomes it rests on with their intervals."""

from __future__ import annotations

from typing import Any

from sirev.reporting.page.markup import escaped, get, p_value, signed
from sirev.reporting.pass_at_1 import pass_at_1_name

SIGNS = {"progress": "▲", "reversal": "⇅", "regress": "▼", "no change": "=", "can't tell": "?"}
"""Beside each verdict's colour, for those who can't tell colours apart."""
MOVES = {"up": "▲", "down": "▼", "same": "=", "can't tell": "?", "not measured": "–"}
ORDER = ("pass_at_1", "pass_at_n", "ood", "distinct", "mean_accuracy")
LETTERS = dict(zip(ORDER, "ABCD", strict=False))

BAR_WIDTH, BAR_HEIGHT = 200, 20
FARTHEST: float = 12.0
"""Margins from the middle to the end of a bar, at most: the band of "same" must stay visible."""


def verdicts_as_html(comparison: dict[str, Any]) -> str:
    """What can be said of each method over its seeds, then a card for every method and seed."""
    verdicts = comparison.get("verdicts") or []
    if not verdicts:
        return '<p class="none">No verdict: no model was compared with M_1.</p>'
    cards = "".join(_card(verdict, comparison) for verdict in verdicts)
    return f'{_claims(comparison)}<div class="cards">{cards}</div>{_legend(comparison)}'


def _claims(comparison: dict[str, Any]) -> str:
    rows = []
    for claim in comparison.get("methods") or []:
        word = claim.get("claim")
        seeds = len(claim.get("seeds") or [])
        said = f'<b class="word {_class(word)}">{SIGNS.get(word, "")} {escaped(word)}</b>' if word else "<b>no claim</b>"
        count = "1 seed" if seeds == 1 else f"{seeds} seeds"
        rows.append(
            f'<li><span class="who">{escaped(claim["method"])}</span>{said}<span class="seeds">{count}</span>'
            f'<span class="why">{escaped(claim.get("reason") or "")}</span>{_means(claim, comparison)}</li>'
        )
    if all(len(claim.get("seeds") or []) < 2 for claim in comparison.get("methods") or []):
        return ""  # one seed's cards say all there is to say
    return f'<h3>Over seeds</h3><ul class="claims">{"".join(rows)}</ul><h3>Each method and seed</h3>'


def _means(claim: dict[str, Any], comparison: dict[str, Any]) -> str:
    """Seed-averaged differences with both intervals: over problems, and over seeds."""
    parts = []
    for outcome, mean in _sorted(claim.get("mean") or {}):
        points = _kind(outcome) != "distinct"
        problems, seeds = get(mean, "difference"), get(mean, "seeds")
        if get(problems, "value") is None:
            continue
        text = f"{escaped(_name(outcome, comparison))} {_number(problems['value'], points)}{' points' if points else ''}"
        text += f", problems {_range(problems, points)}"
        if get(seeds, "low") is not None:
            text += f", seeds {_range(seeds, points)}"
        parts.append(f"<li>{text}</li>")
    return f"<details><summary>Means over seeds</summary><ul>{''.join(parts)}</ul></details>" if parts else ""


def _card(verdict: dict[str, Any], comparison: dict[str, Any]) -> str:
    word = verdict["verdict"]
    badge = '<span class="badge">narrower</span>' if verdict.get("narrower") else ""
    outcomes = _sorted(verdict.get("outcomes") or {})
    reach = _reach([outcome for _, outcome in outcomes])
    rows = "".join(_outcome(name, outcome, reach, comparison) for name, outcome in outcomes)
    table = (
        '<table class="outcomes"><thead><tr><th scope="col">outcome</th><th scope="col">M_1</th>'
        f'<th scope="col">difference, 95 % interval</th><th scope="col">p, Holm</th><th scope="col">is</th></tr></thead>'
        f"<tbody>{rows}</tbody></table>"
    )
    return (
        f'<article class="card {_class(word)}"><header><span class="who">{escaped(verdict["method"])}, '
        f'seed {escaped(verdict["seed"])}</span><span class="steps">M_1 → M_{escaped(verdict.get("t", "T"))}</span></header>'
        f'<p class="verdict"><span class="word"><span aria-hidden="true">{SIGNS.get(word, "?")}</span> {escaped(word)}</span>'
        f'{badge}</p><p class="why">{escaped(verdict.get("reason") or "")}</p>'
        f'{table if rows else ""}<p class="null"><b>Null:</b> {escaped(verdict.get("null") or "no null run")}'
        f"{_noise(verdict.get('noise'))}</p></article>"
    )


def _outcome(name: str, outcome: dict[str, Any], reach: float, comparison: dict[str, Any]) -> str:
    points = _kind(name) != "distinct"
    difference, move = outcome.get("difference") or {}, outcome.get("is") or "not measured"
    letter = LETTERS.get(_kind(name), "")
    head = f'<th scope="row"><span class="letter">{letter}</span> {escaped(_name(name, comparison))}</th>'
    moved = f'<td class="move {_class(move)}"><span aria-hidden="true">{MOVES.get(move, "")}</span> {escaped(move)}</td>'
    if difference.get("value") is None:
        why = difference.get("reason") or "not measured"
        return f'<tr>{head}<td></td><td class="missing" colspan="2">none: {escaped(why)}</td>{moved}</tr>'
    base = outcome.get("base")
    if isinstance(base, dict):
        base = base.get("value")
    first = "" if base is None else f"{100 * base:.1f} %" if points else f"{base:.3f}"
    small = ""
    if move == "can't tell" and outcome.get("smallest") is not None:
        least = f"{100 * outcome['smallest']:.1f} points" if points else f"{outcome['smallest']:.3f}"
        small = f'<span class="smallest">the data could have shown {least}</span>'
    p = outcome.get("p") if outcome.get("holm") is None else outcome["holm"]
    told = f' title="{escaped(outcome["test"])}; p = {p_value(outcome.get("p"))} before Holm"' if outcome.get("test") else ""
    return (
        f'<tr>{head}<td class="base">{first}</td><td class="difference"><b>{_number(difference["value"], points)}</b> '
        f'<span class="interval">{_range(difference, points)}</span>{_bar(outcome, reach)}{small}</td>'
        f'<td class="p"{told}>{p_value(p)}</td>'
        f"{moved}</tr>"
    )


def _reach(outcomes: list[dict[str, Any]]) -> float:
    """Half the width of a card's bars, in margins: one scale for all its outcomes."""
    ends: list[float] = [2.0]
    for outcome in outcomes:
        margin = outcome.get("margin")
        if margin:
            difference: dict[str, Any] = outcome.get("difference") or {}
            ends += [abs(difference[end]) / margin * 1.1 for end in ("value", "low", "high") if difference.get(end) is not None]
    return min(max(ends), FARTHEST)


def _bar(outcome: dict[str, Any], reach: float) -> str:
    """The interval drawn on a line, with the margin of "same" as a band."""
    margin, difference = outcome.get("margin"), outcome["difference"]
    if not margin:
        return ""

    def x(value: float) -> float:
        inside: float = min(max(value / margin / reach, -1.0), 1.0)
        return round(BAR_WIDTH / 2 + inside * (BAR_WIDTH / 2 - 5), 1)

    middle, low, high = BAR_HEIGHT / 2, difference.get("low"), difference.get("high")
    line = ""
    if low is not None and high is not None:
        line = f'<line class="span" x1="{x(low)}" x2="{x(high)}" y1="{middle}" y2="{middle}"/>'
    return (
        f'<svg class="bar" viewBox="0 0 {BAR_WIDTH} {BAR_HEIGHT}" aria-hidden="true" focusable="false">'
        f'<rect class="margin" x="{x(-margin)}" width="{round(x(margin) - x(-margin), 1)}" y="3" height="{BAR_HEIGHT - 6}"/>'
        f'<line class="zero" x1="{x(0)}" x2="{x(0)}" y1="1" y2="{BAR_HEIGHT - 1}"/>{line}'
        f'<circle cx="{x(difference["value"])}" cy="{middle}" r="4.5"/></svg>'
    )


def _legend(comparison: dict[str, Any]) -> str:
    settings = comparison.get("settings") or {}
    parts = ["Differences are M_T − M_1, in points of per cent (D: share of distinct answers)."]
    margin, relative = settings.get("margin"), settings.get("diversity_margin")
    if margin is not None and relative is not None:
        parts.append(
            f"Shaded band: the margin, {100 * margin:g} points (D: {100 * relative:g} % of M_1's value); "
            "“same” means that the 90 % interval lies within it."
        )
    if comparison.get("problems") is not None:
        parts.append(f"{comparison['problems']:,} test problems.")
    if settings.get("replicates") is not None:
        parts.append(f"Intervals: {settings['replicates']:,} bootstrap replicates over problems.")
    return f'<p class="notes">{escaped(" ".join(parts))}</p>'


def _noise(noise: dict[str, Any] | None) -> str:
    if not noise or not noise.get("gained"):
        return ""
    gained, lost = (", ".join(map(str, noise.get(side) or [])) or "none" for side in ("gained", "lost"))
    return escaped(f"; M_1 trained again gains {gained} and loses {lost} problems.")


def _sorted(outcomes: dict[str, Any]) -> list[tuple[str, Any]]:
    return sorted(outcomes.items(), key=lambda item: (ORDER.index(_kind(item[0])) if _kind(item[0]) in ORDER else 9, item[0]))


def _kind(outcome: str) -> str:
    return outcome.partition("/")[0]


def _name(outcome: str, comparison: dict[str, Any]) -> str:
    kind, _, suite = outcome.partition("/")
    names = {
        "pass_at_1": pass_at_1_name(comparison.get("runs") or []),
        "pass_at_n": f"pass@{comparison.get('headline', 'N')}",
        "ood": f"OOD, {suite}",
        "distinct": "distinct right answers",
        "mean_accuracy": "mean accuracy of draws",
    }
    return names.get(kind, outcome)


def _number(value: float, points: bool) -> str:
    return signed(100 * value, 1) if points else signed(value, 3)


def _range(statistic: dict[str, Any], points: bool) -> str:
    low, high = statistic.get("low"), statistic.get("high")
    return "" if low is None or high is None else f"[{_number(low, points)}, {_number(high, points)}]"


def _class(word: object) -> str:
    return "is-" + "".join(sign if sign.isalnum() else "-" for sign in str(word).replace("'", ""))
