"""Verdicts as cards: the word, the observations, and the outcomes behind them with intervals."""

from __future__ import annotations

from typing import TypeVar

from sirev.metrics.comparison.verdict_contents import Claim, JudgedChange, Noise, StudyVerdict
from sirev.metrics.statistic import Statistic
from sirev.metrics.study_verdict import OPEN
from sirev.reporting.observed import (
    Judgement,
    as_shown,
    gain_in_words,
    observation_lines,
    outcomes_of,
    perplexity_in_words,
    seeds_in_words,
    verdict_in_words,
    voting_in_words,
)
from sirev.reporting.page.bars import Scale, bar, scale_of
from sirev.reporting.page.markup import escaped, signed, value_at, with_minus
from sirev.reporting.page.words import explained
from sirev.reporting.pass_at_1 import pass_at_1_name
from sirev.reporting.sections.run_rows import Study, measured, model_name, runs_of, suite_in_words
from sirev.reporting.sections.unread import first_lines, reading_differs
from sirev.reporting.sections.verdicts import NO_NULL, JudgedRun, caveats, mean_scale, no_verdict, presented, verdicts_of
from sirev.reporting.tables import p_equals, p_value

T = TypeVar("T")
SIGNS = {"progress": "▲", "reversal": "⇅", "regress": "▼", "no change": "="}
"""Verdict -> sign, for readers who can't tell colours apart."""
MOVES = {"up": "▲", "down": "▼", "held": "=", "open": "?", "not measured": "–"}
_ORDER = ("pass_at_1", "pass_at_n", "ood", "ood_pass_at_n", "distinct", "mean_accuracy")
_LETTERS = dict(zip(_ORDER, "ABCCD", strict=False))


def verdicts_as_html(comparison: Study) -> str:
    """A card per method: the word, the paper's observations with their evidence, and the changes and tests behind them.

    With several seeds, the card is about the pooled result, and has a part per seed.
    """
    verdicts = comparison.get("verdicts") or []
    if not verdicts:
        return f'<p class="none">{escaped(no_verdict(comparison))}</p>'
    claims = {claim["method"]: claim for claim in comparison.get("methods") or []}
    every: list[Judgement] = [*verdicts]
    every += [claim for claim in claims.values() if len(claim["seeds"]) > 1]
    scale = scale_of(outcome for one in every for outcome in outcomes_of(one).values())
    cards = []
    for method in dict.fromkeys(verdict["method"] for verdict in verdicts):
        of_method = [verdict for verdict in verdicts if verdict["method"] == method]
        cards.append(_card(of_method, claims.get(method), scale, comparison))
    said = caveats([comparison]) if comparison.get("runs") else []
    notes = f'<p class="notes">{escaped(" ".join(said))}</p>' if said else ""
    unread = "".join(f'<p class="notes"><b>{escaped(line)}</b></p>' for line in first_lines(runs_of([comparison])))
    return f'{unread}<div class="cards">{"".join(cards)}</div>{notes}{_legend(comparison, scale)}'


def _card(verdicts: list[StudyVerdict], claim: Claim | None, scale: Scale, comparison: Study) -> str:
    verdict, run = verdicts[-1], _run(verdicts[-1], comparison)
    pooled = claim is not None and len(verdicts) > 1
    judgement: Judgement = claim if claim is not None and pooled else verdict
    elsewhere = run is not None and measured(run)
    who = run["label"] if run and elsewhere else verdict["method"]
    of_seeds = f"seeds {', '.join(str(one['seed']) for one in verdicts)}" if pooled else f"seed {verdict['seed']}"
    ends = _ends(run, verdict)
    said = [reading_differs(run), voting_in_words(run), perplexity_in_words(run)] if run else []
    if pooled and claim is not None:
        said += [seeds_in_words(claim), *([] if claim["claim"] else [f"no claim: {claim['reason']}"])]
        behind = _evidence(claim, scale, comparison, "Evidence, pooled over seeds")
        behind += "".join(_seed(one, scale, comparison) for one in verdicts) + _means(claim, comparison)
    else:
        behind = _evidence(verdict, scale, comparison, "Evidence")
    beside = "".join(f"<li>{with_minus(_capital(one.rstrip('.')))}.</li>" for one in said if one)
    beside += "" if elsewhere or pooled else f"<li>{_null(verdict)}</li>"
    return (
        f'<article class="card {verdict_class(headline_class(judgement))}"><header><h3 class="who">{escaped(who)}'
        f'<span class="steps"{explained("M_1")}>{"" if elsewhere else f"{of_seeds}, "}{ends}</span></h3>'
        f"{_gain(judgement, run)}{_word(judgement, comparison)}</header>"
        f"{_observations(judgement, run, comparison)}"
        f'<div class="foot">{_list("beside", beside)}{behind}</div></article>'
    )


def _seed(verdict: StudyVerdict, scale: Scale, comparison: Study) -> str:
    """The verdict on one of several seeds, folded."""
    run = _run(verdict, comparison)
    return (
        f'<details class="seed {verdict_class(headline_class(verdict))}"><summary>Seed {verdict["seed"]}: '
        f'<b class="word">{escaped(verdict_in_words(verdict))}</b></summary>{_gain(verdict, run)}'
        f"{_observations(verdict, run, comparison)}{_table(verdict, scale, comparison)}"
        f"{_list('beside', f'<li>{_null(verdict)}</li>')}</details>"
    )


def headline_class(judgement: Judgement) -> str:
    """The word that gives the colour of a judgement: its only possible one, else "open"."""
    return judgement["possible"][0] if len(judgement["possible"]) == 1 else OPEN


def _word(judgement: Judgement, comparison: Study) -> str:
    only = headline_class(judgement)
    counts = (comparison.get("settings") or {}).get("diversity_counts", True)
    narrower = "narrower" in judgement and judgement["narrower"] and not counts
    badge = f'<span class="badge"{explained("narrower")}>narrower</span>' if narrower else ""
    sign = f'<span aria-hidden="true">{SIGNS.get(only, "?")}</span>'
    return (
        f'<p class="verdict"><span class="word"{explained(only)}>{sign} {escaped(verdict_in_words(judgement))}</span>{badge}</p>'
    )


def _gain(judgement: Judgement, run: JudgedRun | None) -> str:
    name = pass_at_1_name([run] if run else [])
    return f'<p class="gain">{escaped(name)} {with_minus(gain_in_words(outcomes_of(judgement).get("pass_at_1")))}</p>'


def _ends(run: JudgedRun | None, verdict: StudyVerdict) -> str:
    first, last = (model_name(run, t) if run else f"M_{t}" for t in (1, verdict["t"]))
    return f"{escaped(first)} → {escaped(last)}"


def _observations(judgement: Judgement, run: JudgedRun | None, comparison: Study) -> str:
    """The paper's three observations and reach, each with its result and evidence."""
    if run is None:
        return ""
    rows = "".join(
        f'<div class="{verdict_class(line.result)}"><dt><span class="number">{line.number}</span>{escaped(line.question)}</dt>'
        f'<dd class="result">{escaped(line.result)}</dd><dd class="evidence">{with_minus(line.evidence)}</dd></div>'
        for line in map(as_shown, observation_lines(comparison, run, judgement))
    )
    return f'<dl class="observations">{rows}</dl>'


def _evidence(judgement: Judgement, scale: Scale, comparison: Study, title: str) -> str:
    """The outcomes with their intervals, bounds and tests, folded."""
    table = _table(judgement, scale, comparison)
    return f'<details class="behind"><summary>{title}</summary>{table}</details>' if table else ""


def _table(judgement: Judgement, scale: Scale, comparison: Study) -> str:
    outcomes = presented(outcomes_of(judgement), comparison.get("headline"))
    rows = "".join(_outcome(name, one, scale, comparison) for name, one in _sorted(outcomes))
    if not rows:
        return ""
    return (
        f'<table class="outcomes"><thead><tr><th scope="col">outcome</th><th scope="col"{explained("M_1")}>M_1 → M_T</th>'
        f'<th scope="col">change, 95% interval</th><th scope="col"{explained("bound")}>bound</th>'
        f'<th scope="col"{explained("p")}>p, Holm</th><th scope="col"{explained("result")}>result</th></tr></thead>'
        f"<tbody>{rows}</tbody></table>"
    )


def _means(claim: Claim, comparison: Study) -> str:
    """Mean differences over seeds, with both intervals: over problems and over seeds."""
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
    title = "Means with intervals over problems and over seeds"
    return f'<details class="behind"><summary>{title}</summary>{_list("means", "".join(parts))}</details>' if parts else ""


def _list(name: str, items: str) -> str:
    return f'<ul class="{name}">{items}</ul>' if items else ""


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _null(verdict: StudyVerdict) -> str:
    told = escaped(verdict.get("null") or NO_NULL)
    return f"<b{explained('null run')}>Null:</b> {told}{_noise(verdict.get('noise')) or '.'}"


def _run(verdict: StudyVerdict, comparison: Study) -> JudgedRun | None:
    """The run of a verdict, with the settings of its study; None if the comparison lacks it."""
    return next((run for run, of in verdicts_of([comparison]) if of is verdict), None) if comparison.get("runs") else None


def _outcome(name: str, outcome: JudgedChange, scale: Scale, comparison: Study) -> str:
    difference, move = outcome["difference"], outcome["is"]
    letter = _LETTERS.get(_kind(name), "")
    head = f'<th scope="row"{explained(_kind(name))}><span class="letter">{letter}</span> {escaped(_name(name, comparison))}</th>'
    sign = f'<span aria-hidden="true">{MOVES.get(move, "")}</span>'
    moved = f'<td class="move {verdict_class(move)}">{sign} {escaped(move)}</td>'
    if (value := difference["value"]) is None:
        why = difference["reason"] or "not measured"
        return f'<tr>{head}<td></td><td class="missing" colspan="3">none: {escaped(why)}</td>{moved}</tr>'
    base = outcome.get("base")
    relative = float(base) if _kind(name) == "distinct" and base else None
    unit = "%" if relative else ""
    ends = "" if base is None else f"{100 * base:.1f} → {100 * (base + value):.1f}%"
    small = ""
    if move == OPEN and (smallest := outcome.get("smallest")) is not None:
        least = 100 * smallest / (relative or 1)
        small = f'<span class="smallest">smallest detectable change: {least:.1f}{unit or " points"}</span>'
    p, test = outcome.get("p"), outcome.get("test")
    told = f' title="{escaped(test)}; {p_equals(p)} before Holm"' if test and p is not None else ""
    corrected = p if outcome.get("holm") is None else outcome["holm"]
    return (
        f'<tr>{head}<td class="base">{ends}</td><td class="difference"><b>{_points(value, relative)}{unit}</b> '
        f'<span class="interval">{_range(difference, relative)}</span>{bar(outcome, scale)}{small}</td>'
        f'<td class="bound">{_bound(outcome, relative, unit)}</td>'
        f'<td class="p"{told}>{escaped(p_value(corrected))}</td>'
        f"{moved}</tr>"
    )


def _bound(outcome: JudgedChange, relative: float | None, unit: str) -> str:
    """The lower one-sided bound of a change, next to the loss that it has to exclude."""
    if (bound := outcome.get("bound")) is None:
        return ""
    return f"{_points(bound, relative)}{unit} <small>of {_points(-outcome['margin'], relative)}{unit}</small>"


def _legend(comparison: Study, scale: Scale) -> str:
    settings = comparison.get("settings") or {}
    parts = ["Changes are M_T − M_1 in percentage points; D, the share of correct answers that are distinct, in % of M_1's."]
    margin, relative = settings.get("margin"), settings.get("diversity_margin")
    if margin is not None and relative is not None:
        ends = [f"{_points(scale[0] * one, places=0)} to {_points(scale[1] * one, places=0)}" for one in (margin, relative)]
        parts.append(f"All bars have one scale, {ends[0]} points (D: {ends[1]}%).")
        parts.append(
            f"Shaded: the margin, ±{100 * margin:g} points (D: ±{100 * relative:g}%), less for pass@N near its ceiling; “held” "
            "means that the bound, one-sided at 95%, excludes a loss of the margin."
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
        "ood": f"OOD, {suite_in_words(suite)}",
        "ood_pass_at_n": f"OOD, {suite_in_words(suite)}, pass@N",
        "distinct": "variety of correct answers",
        "mean_accuracy": "mean accuracy of draws",
    }
    return names.get(kind, outcome)


def _points(value: float, of: float | None = None, places: int = 1) -> str:
    """A difference of shares in percentage points, or in % of the share `of`, with its sign."""
    return signed(100 * value / (of or 1), places)


def _range(statistic: Statistic, of: float | None = None) -> str:
    low, high = statistic.get("low"), statistic.get("high")
    return "" if low is None or high is None else f"[{_points(low, of)}, {_points(high, of)}]"


def verdict_class(word: object) -> str:
    return "is-" + "".join(sign if sign.isalnum() else "-" for sign in str(word).replace("'", ""))
