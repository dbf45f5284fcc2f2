"""The verdicts as cards: the word first, then why, then the outcomes it rests on with their intervals."""

from __future__ import annotations

from typing import Any

from sirev.reporting.page.bars import Scale, bar, scale_of
from sirev.reporting.page.markup import escaped, signed, value_at
from sirev.reporting.page.words import explained
from sirev.reporting.pass_at_1 import pass_at_1_name
from sirev.reporting.sections.run_rows import measured, model_name
from sirev.reporting.sections.verdicts import NO_NULL, OUTCOMES, VERDICTS, because, mean_scale, no_verdict, presented, reworded
from sirev.reporting.tables import p_equals, p_value

SIGNS = {"progress": "▲", "reversal": "⇅", "regress": "▼", "no change": "=", "can't tell": "?"}
"""Beside each verdict's colour, for those who can't tell colours apart."""
MOVES = {"up": "▲", "down": "▼", "same": "=", "can't tell": "?", "not measured": "–"}
_ORDER = ("pass_at_1", "pass_at_n", "ood", "distinct", "mean_accuracy")
_LETTERS = dict(zip(_ORDER, "ABCD", strict=False))


def verdicts_as_html(comparison: dict[str, Any]) -> str:
    """The claim about each method over its seeds, then a card for every method and seed."""
    verdicts = comparison.get("verdicts") or []
    if not verdicts:
        return f'<p class="none">{escaped(no_verdict(comparison))}</p>'
    scale = scale_of(outcome for verdict in verdicts for outcome in (verdict.get("outcomes") or {}).values())
    cards = "".join(_card(verdict, scale, comparison) for verdict in verdicts)
    return f'{_claims(comparison)}<div class="cards">{cards}</div>{_legend(comparison, scale)}'


def _claims(comparison: dict[str, Any]) -> str:
    rows = []
    for claim in comparison.get("methods") or []:
        word = claim.get("claim")
        seeds = len(claim.get("seeds") or [])
        why = reworded(claim.get("reason") or "")
        shown = escaped(VERDICTS.get(word, word))
        said = f'<b class="word {_class(word)}">{SIGNS.get(word, "")} {shown}</b>' if word else "<b>no claim</b>"
        count = "1 seed" if seeds == 1 else f"{seeds} seeds"
        rows.append(
            f'<li><span class="who">{escaped(claim["method"])}</span>{said}<span class="seeds">{count}</span>'
            f'<span class="why">{escaped(why)}</span>{_means(claim, comparison)}</li>'
        )
    if all(len(claim.get("seeds") or []) < 2 for claim in comparison.get("methods") or []):
        return ""  # one seed's cards say all there is to say
    return f'<h3>Over seeds</h3><ul class="claims">{"".join(rows)}</ul><h3>Each method and seed</h3>'


def _means(claim: dict[str, Any], comparison: dict[str, Any]) -> str:
    """Seed-averaged differences with both intervals: over problems, and over seeds."""
    parts = []
    for outcome, mean in _sorted(presented(claim.get("mean") or {}, comparison.get("headline"))):
        problems, seeds = value_at(mean, "difference"), value_at(mean, "seeds")
        if value_at(problems, "value") is None:
            continue
        scale, unit = mean_scale(outcome, claim["method"], comparison.get("verdicts") or [])
        change = f"{_points(problems['value'], scale)}{unit or ' points'}"
        text = f"{escaped(_name(outcome, comparison))} {change}, over problems {_range(problems, scale)}"
        if value_at(seeds, "low") is not None:
            text += f", over seeds {_range(seeds, scale)}"
        parts.append(f"<li>{text}</li>")
    return f"<details><summary>Means over seeds</summary><ul>{''.join(parts)}</ul></details>" if parts else ""


def _card(verdict: dict[str, Any], scale: Scale, comparison: dict[str, Any]) -> str:
    word, run = verdict["verdict"], _run(verdict, comparison)
    shown = VERDICTS.get(word, word)
    badge = f'<span class="badge"{explained("narrower")}>narrower</span>' if verdict.get("narrower") else ""
    rows = "".join(
        _outcome(name, one, scale, comparison)
        for name, one in _sorted(presented(verdict.get("outcomes") or {}, comparison.get("headline")))
    )
    first, last = model_name(run, 1), model_name(run, verdict.get("t", "T"))
    table = (
        f'<table class="outcomes"><thead><tr><th scope="col">outcome</th><th scope="col"{explained("M_1")}>M_1</th>'
        f'<th scope="col">change, 95% interval</th><th scope="col"{explained("p")}>p, Holm</th>'
        f'<th scope="col"{explained("result")}>result</th></tr></thead><tbody>{rows}</tbody></table>'
    )
    who = run["label"] if measured(run) else f"{verdict['method']}, seed {verdict['seed']}"
    why = because(run, verdict) if run else verdict.get("reason") or ""
    return (
        f'<article class="card {_class(word)}"><header><span class="who">{escaped(who)}</span>'
        f'<span class="steps"{explained("M_1")}>{escaped(first)} → {escaped(last)}</span></header>'
        f'<p class="verdict"><span class="word"{explained(shown)}><span aria-hidden="true">{SIGNS.get(word, "?")}</span> '
        f'{escaped(shown)}</span>{badge}</p><p class="why">{escaped(why)}</p>{table if rows else ""}'
        f"{'' if measured(run) else _null(verdict)}</article>"
    )


def _null(verdict: dict[str, Any]) -> str:
    told = escaped(verdict.get("null") or NO_NULL)
    return f'<p class="null"><b{explained("null run")}>Null:</b> {told}{_noise(verdict.get("noise"))}</p>'


def _run(verdict: dict[str, Any], comparison: dict[str, Any]) -> dict[str, Any]:
    """The run that a verdict is about, with its study's settings as `because` wants them; empty where it is not there."""
    same: list[dict[str, Any]] = [
        run
        for run in comparison.get("runs") or []
        if (run.get("method"), run.get("seed")) == (verdict["method"], verdict["seed"])
    ]
    settings = comparison.get("settings") or {}
    more = {"headline": comparison.get("headline"), "diversity_counts": settings.get("diversity_counts")}
    return {**same[0], **more} if same else {}


def _outcome(name: str, outcome: dict[str, Any], scale: Scale, comparison: dict[str, Any]) -> str:
    difference, move = outcome.get("difference") or {}, outcome.get("is") or "not measured"
    letter = _LETTERS.get(_kind(name), "")
    head = f'<th scope="row"{explained(_kind(name))}><span class="letter">{letter}</span> {escaped(_name(name, comparison))}</th>'
    sign = f'<span aria-hidden="true">{MOVES.get(move, "")}</span>'
    moved = f'<td class="move {_class(move)}">{sign} {escaped(OUTCOMES.get(move, move))}</td>'
    if difference.get("value") is None:
        why = difference.get("reason") or "not measured"
        return f'<tr>{head}<td></td><td class="missing" colspan="2">none: {escaped(why)}</td>{moved}</tr>'
    base = outcome.get("base")
    if isinstance(base, dict):
        base = base.get("value")
    relative = float(base) if _kind(name) == "distinct" and base else None
    unit = "%" if relative else ""
    first = "" if base is None else f"{100 * base:.1f}%"
    small = ""
    if move == "can't tell" and outcome.get("smallest") is not None:
        least = 100 * outcome["smallest"] / (relative or 1)
        small = f'<span class="smallest">smallest detectable change: {least:.1f}{unit or " points"}</span>'
    p = outcome.get("p") if outcome.get("holm") is None else outcome["holm"]
    told = f' title="{escaped(outcome["test"])}; {p_equals(outcome["p"])} before Holm"' if outcome.get("test") else ""
    return (
        f'<tr>{head}<td class="base">{first}</td><td class="difference"><b>{_points(difference["value"], relative)}{unit}</b> '
        f'<span class="interval">{_range(difference, relative)}</span>{bar(outcome, scale)}{small}</td>'
        f'<td class="p"{told}>{escaped(p_value(p))}</td>'
        f"{moved}</tr>"
    )


def _legend(comparison: dict[str, Any], scale: Scale) -> str:
    settings = comparison.get("settings") or {}
    parts = ["Changes are M_T − M_1 in percentage points; D, the share of right answers that are distinct, in % of M_1's."]
    margin, relative = settings.get("margin"), settings.get("diversity_margin")
    if margin is not None and relative is not None:
        ends = [f"{_points(scale[0] * one, places=0)} to {_points(scale[1] * one, places=0)}" for one in (margin, relative)]
        parts.append(f"All bars have one scale, {ends[0]} points (D: {ends[1]}%).")
        parts.append(
            f"Shaded: the margin, ±{100 * margin:g} points (D: ±{100 * relative:g}%); “held” means that the 90% interval lies "
            "within it."
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
    return sorted(outcomes.items(), key=lambda item: (_ORDER.index(_kind(item[0])) if _kind(item[0]) in _ORDER else 9, item[0]))


def _kind(outcome: str) -> str:
    return outcome.partition("/")[0]


def _name(outcome: str, comparison: dict[str, Any]) -> str:
    kind, _, suite = outcome.partition("/")
    names = {
        "pass_at_1": pass_at_1_name(comparison.get("runs") or []),
        "pass_at_n": f"pass@{comparison.get('headline', 'N')}",
        "ood": f"OOD, {suite}",
        "distinct": "variety of right answers",
        "mean_accuracy": "mean accuracy of draws",
    }
    return names.get(kind, outcome)


def _points(value: float, of: float | None = None, places: int = 1) -> str:
    """A difference of shares in percentage points, or in per cent of a share, with its sign."""
    return signed(100 * value / (of or 1), places)


def _range(statistic: dict[str, Any], of: float | None = None) -> str:
    low, high = statistic.get("low"), statistic.get("high")
    return "" if low is None or high is None else f"[{_points(low, of)}, {_points(high, of)}]"


def _class(word: object) -> str:
    return "is-" + "".join(sign if sign.isalnum() else "-" for sign in str(word).replace("'", ""))
