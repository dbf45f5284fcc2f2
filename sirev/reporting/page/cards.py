"""The verdicts as cards: the word first, then why, then the outcomes it rests on with their intervals."""

from __future__ import annotations

from typing import TypeVar

from sirev.listing import count_text
from sirev.metrics.comparison.contents import Claim, JudgedChange, Noise, StudyVerdict
from sirev.metrics.statistic import Statistic
from sirev.metrics.study_verdict import OPEN
from sirev.reporting.observed import headline_words, observation_lines, perplexity_in_words, verdict_in_words, voting_in_words
from sirev.reporting.page.bars import Scale, bar, scale_of
from sirev.reporting.page.markup import escaped, signed, value_at
from sirev.reporting.page.words import explained
from sirev.reporting.pass_at_1 import pass_at_1_name
from sirev.reporting.sections.run_rows import Study, measured, model_name
from sirev.reporting.sections.verdicts import (
    NO_NULL,
    JudgedRun,
    because,
    mean_scale,
    no_verdict,
    presented,
    verdicts_of,
)
from sirev.reporting.tables import p_equals, p_value

T = TypeVar("T")
SIGNS = {"progress": "▲", "reversal": "⇅", "regress": "▼", "no change": "="}
"""Beside each verdict's colour, for those who can't tell colours apart."""
MOVES = {"up": "▲", "down": "▼", "held": "=", "open": "?", "not measured": "–"}
_ORDER = ("pass_at_1", "pass_at_n", "ood", "ood_pass_at_n", "distinct", "mean_accuracy")
_LETTERS = dict(zip(_ORDER, "ABCCD", strict=False))


def verdicts_as_html(comparison: Study) -> str:
    """The claim about each method over its seeds, then a card for every method and seed."""
    verdicts = comparison.get("verdicts") or []
    if not verdicts:
        return f'<p class="none">{escaped(no_verdict(comparison))}</p>'
    scale = scale_of(outcome for verdict in verdicts for outcome in (verdict.get("outcomes") or {}).values())
    cards = "".join(_card(verdict, scale, comparison) for verdict in verdicts)
    return f'{_claims(comparison)}<div class="cards">{cards}</div>{_legend(comparison, scale)}'


def _claims(comparison: Study) -> str:
    rows = []
    for claim in comparison.get("methods") or []:
        word = claim.get("claim")
        seeds = len(claim.get("seeds") or [])
        why = claim.get("reason") or ""
        said = "<b>no claim</b>"
        if word:
            said = f'<b class="word {verdict_class(word)}">{SIGNS.get(word, "")} {escaped(headline_words([word]))}</b>'
        count = count_text(seeds, "seed")
        rows.append(
            f'<li><span class="who">{escaped(claim["method"])}</span>{said}<span class="seeds">{count}</span>'
            f'<span class="why">{escaped(why)}</span>{_means(claim, comparison)}</li>'
        )
    if all(len(claim.get("seeds") or []) < 2 for claim in comparison.get("methods") or []):
        return ""  # one seed's cards say all there is to say
    return f'<h3>Over seeds</h3><ul class="claims">{"".join(rows)}</ul><h3>Each method and seed</h3>'


def _means(claim: Claim, comparison: Study) -> str:
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


def _card(verdict: StudyVerdict, scale: Scale, comparison: Study) -> str:
    word, run = verdict["verdict"], _run(verdict, comparison)
    shown = verdict_in_words(verdict)
    badge = f'<span class="badge"{explained("narrower")}>narrower</span>' if verdict.get("narrower") else ""
    rows = "".join(
        _outcome(name, one, scale, comparison)
        for name, one in _sorted(presented(verdict.get("outcomes") or {}, comparison.get("headline")))
    )
    first, last = (model_name(run, t) if run else f"M_{t}" for t in (1, verdict["t"]))
    elsewhere = run is not None and measured(run)
    table = (
        f'<table class="outcomes"><thead><tr><th scope="col">outcome</th><th scope="col"{explained("M_1")}>M_1</th>'
        f'<th scope="col">change, 95% interval</th><th scope="col"{explained("p")}>p, Holm</th>'
        f'<th scope="col"{explained("result")}>result</th></tr></thead><tbody>{rows}</tbody></table>'
    )
    who = run["label"] if run and elsewhere else f"{verdict['method']}, seed {verdict['seed']}"
    why = because(run, verdict) if run else verdict.get("reason") or ""
    return (
        f'<article class="card {verdict_class(word)}"><header><span class="who">{escaped(who)}</span>'
        f'<span class="steps"{explained("M_1")}>{escaped(first)} → {escaped(last)}</span></header>'
        f'<p class="verdict"><span class="word"{explained(shown)}><span aria-hidden="true">{SIGNS.get(word, "?")}</span> '
        f"{escaped(shown)}</span>{badge}</p>{_observations(verdict, run, comparison)}"
        f'<p class="why">{escaped(why)}</p>{table if rows else ""}'
        f"{'' if elsewhere else _null(verdict)}</article>"
    )


def _observations(verdict: StudyVerdict, run: JudgedRun | None, comparison: Study) -> str:
    """The paper's three observations and reach, each with its evidence; then what voting and likelihood say."""
    if run is None:
        return ""
    items = [
        f'<li class="{verdict_class(line.result)}"><span class="question">{line.number} {escaped(line.question)}</span> '
        f"<b>{escaped(line.result)}</b> {escaped(line.evidence)}</li>"
        for line in observation_lines(comparison, run, verdict)
    ]
    items += [f"<li>{escaped(said)}</li>" for said in (voting_in_words(run), perplexity_in_words(run)) if said]
    return f'<ul class="observations">{"".join(items)}</ul>'


def _null(verdict: StudyVerdict) -> str:
    told = escaped(verdict.get("null") or NO_NULL)
    return f'<p class="null"><b{explained("null run")}>Null:</b> {told}{_noise(verdict.get("noise"))}</p>'


def _run(verdict: StudyVerdict, comparison: Study) -> JudgedRun | None:
    """The run that a verdict is about, with its study's settings as `because` wants them; None where it is not there."""
    return next((run for run, of in verdicts_of([comparison]) if of is verdict), None) if comparison.get("runs") else None


def _outcome(name: str, outcome: JudgedChange, scale: Scale, comparison: Study) -> str:
    difference, move = outcome["difference"], outcome["is"]
    letter = _LETTERS.get(_kind(name), "")
    head = f'<th scope="row"{explained(_kind(name))}><span class="letter">{letter}</span> {escaped(_name(name, comparison))}</th>'
    sign = f'<span aria-hidden="true">{MOVES.get(move, "")}</span>'
    moved = f'<td class="move {verdict_class(move)}">{sign} {escaped(move)}</td>'
    if (value := difference["value"]) is None:
        why = difference["reason"] or "not measured"
        return f'<tr>{head}<td></td><td class="missing" colspan="2">none: {escaped(why)}</td>{moved}</tr>'
    base = outcome.get("base")
    relative = float(base) if _kind(name) == "distinct" and base else None
    unit = "%" if relative else ""
    first = "" if base is None else f"{100 * base:.1f}%"
    small = ""
    if move == OPEN and (smallest := outcome.get("smallest")) is not None:
        least = 100 * smallest / (relative or 1)
        small = f'<span class="smallest">smallest detectable change: {least:.1f}{unit or " points"}</span>'
    p, test = outcome.get("p"), outcome.get("test")
    told = f' title="{escaped(test)}; {p_equals(p)} before Holm"' if test and p is not None else ""
    corrected = p if outcome.get("holm") is None else outcome["holm"]
    return (
        f'<tr>{head}<td class="base">{first}</td><td class="difference"><b>{_points(value, relative)}{unit}</b> '
        f'<span class="interval">{_range(difference, relative)}</span>{bar(outcome, scale)}{small}</td>'
        f'<td class="p"{told}>{escaped(p_value(corrected))}</td>'
        f"{moved}</tr>"
    )


def _legend(comparison: Study, scale: Scale) -> str:
    settings = comparison.get("settings") or {}
    parts = ["Changes are M_T − M_1 in percentage points; D, the share of right answers that are distinct, in % of M_1's."]
    margin, relative = settings.get("margin"), settings.get("diversity_margin")
    if margin is not None and relative is not None:
        ends = [f"{_points(scale[0] * one, places=0)} to {_points(scale[1] * one, places=0)}" for one in (margin, relative)]
        parts.append(f"All bars have one scale, {ends[0]} points (D: {ends[1]}%).")
        parts.append(
            f"Shaded: the margin, ±{100 * margin:g} points (D: ±{100 * relative:g}%), less for pass@N near its ceiling; “held” "
            "means that a loss of the margin is excluded, one-sided at 95%."
        )
    if comparison.get("problems") is not None:
        parts.append(f"{comparison['problems']:,} test problems.")
    if settings.get("replicates") is not None:
        parts.append(f"Intervals: {settings['replicates']:,} bootstrap replicates over problems.")
    return f'<p class="notes">{escaped(" ".join(parts))}</p>'


def _noise(noise: Noise | None) -> str:
    if not noise or not noise.get("gained"):
        return ""
    gained, lost = (", ".join(map(str, counts)) or "none" for counts in (noise["gained"], noise["lost"]))
    return escaped(f"; M_1 trained again gains {gained} and loses {lost} problems.")


def _sorted(outcomes: dict[str, T]) -> list[tuple[str, T]]:
    return sorted(outcomes.items(), key=lambda item: (_ORDER.index(_kind(item[0])) if _kind(item[0]) in _ORDER else 9, item[0]))


def _kind(outcome: str) -> str:
    return outcome.partition("/")[0]


def _name(outcome: str, comparison: Study) -> str:
    kind, _, suite = outcome.partition("/")
    names = {
        "pass_at_1": pass_at_1_name(comparison.get("runs") or []),
        "pass_at_n": f"pass@{comparison.get('headline', 'N')}",
        "ood": f"OOD, {suite}",
        "ood_pass_at_n": f"OOD, {suite}, pass@N",
        "distinct": "variety of right answers",
        "mean_accuracy": "mean accuracy of draws",
    }
    return names.get(kind, outcome)


def _points(value: float, of: float | None = None, places: int = 1) -> str:
    """A difference of shares in percentage points, or in per cent of a share, with its sign."""
    return signed(100 * value / (of or 1), places)


def _range(statistic: Statistic, of: float | None = None) -> str:
    low, high = statistic.get("low"), statistic.get("high")
    return "" if low is None or high is None else f"[{_points(low, of)}, {_points(high, of)}]"


def verdict_class(word: object) -> str:
    return "is-" + "".join(sign if sign.isalnum() else "-" for sign in str(word).replace("'", ""))
