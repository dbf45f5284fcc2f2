"""A report on one screen: what changed, what pass@1 hides, the verdicts with their bounds, and where to go from there."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence

from sirev.listing import listed
from sirev.metrics.comparison.contents import JudgedChange
from sirev.metrics.families.diversity import FORMS
from sirev.metrics.study_verdict import LEVEL, SEEDS
from sirev.quoting import as_typed
from sirev.reporting.pass_at_1 import pass_at_1_source
from sirev.reporting.sections.run_rows import RunData, Study, in_words, measured, model_name, runs_of
from sirev.reporting.sections.verdicts import (
    NO_NULL,
    Found,
    after_holm,
    because,
    claims_in_words,
    decisive,
    interval_text,
    no_verdict,
    outcome_name,
    presented,
    verdicts_of,
    without_pass_at_n,
    word,
)
from sirev.reporting.tables import ABSENT, fixed, p_equals, percent

_FEW = 4
"""Runs that a sentence names; of more it gives the number."""
_SUITES = "suites"
"""In the place of an outcome: several OOD suites, which have one column."""
_LONGEST = 16
"""Characters of a suite's name in the head of a column."""
WIDTH = 80
"""Characters of a line."""
MARKS = {"up": "up", "down": "down", "same": "held", "can't tell": "?"}
"""An outcome -> the word beside its numbers."""
_STYLES = {"up": "up", "down": "down", "held": "", "?": "dim", "mixed": "dim"}
_SPLIT = (*FORMS, "sentence_bert", "texts")
"""Measures by which answers differ, the most telling first."""

HeadlineLine = list[tuple[str, str]]
"""Pieces of text with their style: "", "bold", "dim", "up" or "down"."""


def headline(studies: Sequence[Study], asked: str = "", width: int = WIDTH) -> list[HeadlineLine]:
    """The screen, a block for each study, in lines of `width` characters; only commands may be longer.

    `asked` are the options that `sirev report` takes to be about the same runs.
    """
    lines: list[HeadlineLine] = []
    for study in studies:
        lines += [*([[]] if lines else []), *(part for line in _of_study(study, width) for part in _folded(line, width))]
    if studies:
        lines += [[], [("Next", "bold")], *_next(studies, asked, width)]
    return lines


def as_text(lines: Iterable[HeadlineLine]) -> str:
    """The lines without their styles."""
    return "".join("".join(text for text, _ in line).rstrip() + "\n" for line in lines)


def _of_study(study: Study, width: int) -> list[HeadlineLine]:
    found = verdicts_of([study])
    lines = [_title(study)]
    for run in runs_of([study]):
        if run["stopped"]:
            lines.append([(f"  {in_words(run)}: stopped at {run['stopped']}", "")])
    if not found:
        return [*lines, *_paragraphs([no_verdict(study)])]
    lines += [[], *_changes(study, found, width)]
    if hidden := [*_gained(study, found), *_lost(study, found), *_agreement(study, found)]:
        lines += [[], [("What pass@1 hides", "bold")], *_paragraphs(hidden)]
    return [*lines, [], *_verdicts(study, found)]


def _title(study: Study) -> HeadlineLine:
    runs = runs_of([study]) or study["runs"]
    last = max(runs, key=lambda run: len(run["iterations"]))
    ends = [model_name(last, last["iterations"][i]["t"]) for i in (0, -1)]
    words = [f"{study['problems']:,} test problems", f"{ends[0]} → {ends[1]}"]
    if not measured(last):
        seeds = list(dict.fromkeys(str(run["seed"]) for run in runs))
        words.append(f"seed{'s' if len(seeds) > 1 else ''} {', '.join(seeds)}")
    return [(f"{study['recipe']}: ", "bold"), (", ".join(words), "")]


def _changes(study: Study, found: list[Found], width: int) -> list[HeadlineLine]:
    """M_1 → M_T of each outcome, a line for each method; of several seeds their mean. Columns that don't fit come below."""
    suites = [f"ood/{suite}" for suite in study["suites"]]
    names = ["pass_at_1", "pass_at_n", *(suites if len(suites) == 1 else [_SUITES] if suites else []), "distinct"]
    names = [
        name
        for name in names
        if name == _SUITES or any(name in presented(verdict["outcomes"], study["headline"]) for _, verdict in found)
    ]
    methods = list(dict.fromkeys(run["label"] for run, _ in found))
    heads = [["", ""], *(_heads(name, study) for name in names)]
    rows: list[HeadlineLine] = []
    for method in methods:
        outcomes = [verdict["outcomes"] for run, verdict in found if run["label"] == method]
        cells = (_suites(outcomes, suites) if name == _SUITES else _cell([one.get(name) for one in outcomes]) for name in names)
        rows.append([(method, ""), *cells])
    labels = 0 if len(methods) == 1 and all(measured(run) for run, _ in found) else 1
    wide = [max(*map(len, head), *(len(row[i][0]) for row in rows)) for i, head in enumerate(heads)]
    parts: list[list[int]] = [[]]
    for i in range(1, len(heads)):
        if parts[-1] and sum(wide[j] + 2 for j in [*range(labels), *parts[-1], i]) > width:
            parts.append([])
        parts[-1].append(i)
    made: list[HeadlineLine] = []
    for part in parts:
        columns = [*range(labels), *part]
        made += [[(f"  {heads[i][k]:<{wide[i]}}", "dim") for i in columns] for k in range(2)]
        made += [[(f"  {row[i][0]:<{wide[i]}}", row[i][1]) for i in columns] for row in rows]
    return made


def _heads(name: str, study: Study) -> list[str]:
    """Two lines for the head of a column."""
    match name.partition("/"):
        case ["pass_at_1", _, _]:
            return ["pass@1 %", pass_at_1_source(runs_of([study]))]
        case ["pass_at_n", _, _]:
            return [f"pass@{study['headline']} %", "any sample"]
        case ["distinct", _, _]:
            return ["variety % of", "right answers"]
        case ["ood", _, suite]:
            return ["OOD %, greedy", suite if len(suite) <= _LONGEST else f"{suite[: _LONGEST - 1]}…"]
    return ["OOD, greedy", f"{len(study['suites'])} suites"]


def _suites(outcomes: Sequence[Mapping[str, JudgedChange]], suites: Sequence[str]) -> tuple[str, str]:
    """How many of several suites went which way, over all seeds, and the style of the worst."""
    marks = [MARKS[one[suite]["is"]] for one in outcomes for suite in suites if suite in one and one[suite]["is"] in MARKS]
    said = [f"{marks.count(mark)} {mark}" for mark in ("down", "?", "held", "up") if mark in marks]
    return (", ".join(said), _STYLES[said[0].split()[1]]) if said else (ABSENT, "dim")


def _cell(outcomes: Sequence[JudgedChange | None]) -> tuple[str, str]:
    """M_1 → M_T and whether that is up or down, and its style."""
    changes = [
        (one["base"], one["difference"]["value"], MARKS[one["is"]])
        for one in outcomes
        if one is not None and one["difference"]["value"] is not None and one["base"] is not None
    ]
    if not changes or len(changes) < len(outcomes):
        return ABSENT, "dim"
    first = sum(base for base, _, _ in changes) / len(changes)
    last = first + sum(change for _, change, _ in changes) / len(changes)
    marks = {mark for _, _, mark in changes}
    mark = marks.pop() if len(marks) == 1 else "mixed"
    return f"{fixed(100 * first, 1)} → {fixed(100 * last, 1)} {mark}", _STYLES[mark]


def _gained(study: Study, found: list[Found]) -> list[str]:
    """How much of what M_T gained M_1 solves in its samples, and whether anything is evidence of a new skill."""
    solved, new, tested = [], [], 0
    for run, _ in found:
        gained = run["iterations"][-1]["improvement_set"]
        curve = {n: one for n, one in gained["m1_pass_at_n"].items() if one["value"] is not None and int(n) <= study["headline"]}
        if not gained["size"] or not curve:
            continue
        most = max(curve, key=int)
        solved.append(f"{percent(curve[most], 0)}% of {gained['size']}{_among(run, found)}")
        p = gained["new"]["holm"]
        tested += p is not None
        if p is not None and p <= LEVEL:
            new.append(f"{_who(run, found)} ({p_equals(p)})")
    if not solved:
        return []
    said = f"Evidence of a new skill: {_first(new)}." if new else "No evidence of a new skill." if tested else ""
    return [f"Of the problems gained, M_1 solves within {study['headline']} samples: {_first(solved)}. {said}".strip()]


def _lost(study: Study, found: list[Found]) -> list[str]:
    lost = [(_among(run, found), run["iterations"][-1]["lost_set"]["size"]) for run, _ in found]
    known = [f"{size}{among}" for among, size in lost if size]
    return [f"Problems lost at the first try: {_first(known)}."] if known else []


def _agreement(study: Study, found: list[Found]) -> list[str]:
    """By how much two samples became more likely to agree, and why: of the run where most of it is narrowing."""
    parts: list[tuple[float, float, str]] = []
    for run, _ in found:
        split = run["iterations"][-1]["split"]
        measure = next((split[name] for name in _SPLIT if name in split), None)
        if measure is None or measure["composition"]["value"] is None or (measure["change"]["high"] or 0.0) >= 0:
            continue  # not known, or no loss that the problems could not have shown by chance
        narrowing = sum(one["value"] for one in measure["narrowing"].values() if one["value"] is not None)
        parts.append((-100 * narrowing, -100 * measure["composition"]["value"], _among(run, found)))
    if not parts:
        return []
    narrowed, composed, among = max(parts)
    return [
        f"Two samples of a problem are {fixed(narrowed + composed, 1)} points more likely to agree{among}: "
        f"{_part(composed, 'from a changed mix of right and wrong', 'because the mix of right and wrong changed')}, "
        f"{_part(narrowed, 'from answers of one kind growing alike', 'because answers of one kind grew more varied')}."
    ]


def _part(points_more: float, added: str, taken: str) -> str:
    """A part of a sum, in words; one that is negative as what it takes away."""
    return (
        f"less {fixed(-points_more, 1)} {taken}"
        if fixed(points_more, 1, sign=True).startswith("-")
        else (f"{fixed(points_more, 1)} {added}")
    )


def _verdicts(study: Study, found: list[Found]) -> list[HeadlineLine]:
    """The verdicts in words; runs with the same verdict for the same reason together."""
    groups: dict[tuple[str, ...], list[Found]] = {}
    for run, verdict in found:
        names = decisive(run, verdict)
        results = [verdict["outcomes"][name]["is"] if name in verdict["outcomes"] else "" for name in ("pass_at_1", *names)]
        groups.setdefault((word(verdict), *names, *results), []).append((run, verdict))
    lines: list[HeadlineLine] = []
    for (said, *_), members in groups.items():
        who = f"  ({_together(members, found)})" if len(found) > 1 else ""
        lines.append([("Verdict: ", "bold"), (said, "bold"), (who, "")])
        reason = because(*members[0]) if len(members) == 1 else _common(members, found)
        lines += _paragraphs([reason])
    caveats = [*_detectable(study, [one for members in groups.values() for one in members]), *claims_in_words([study])]
    if any(verdict["null"] == NO_NULL and not measured(run) for run, verdict in found):
        caveats.append("No null run.")
    return lines + (_paragraphs([" ".join(caveats)]) if caveats else [])


def _together(members: list[Found], found: list[Found]) -> str:
    """Runs in a list; a method alone stands for all its seeds."""
    names: dict[str, None] = {}
    for run, _ in members:
        alike = [sum(one["label"] == run["label"] for one, _ in some) for some in (members, found)]
        names[run["label"] if alike[0] == alike[1] and not measured(run) else _who(run, found)] = None
    return _first(list(names))


def _common(members: list[Found], found: list[Found]) -> str:
    """The reason that several runs share, with the interval of each."""
    run, verdict = members[0]
    verbs = {"up": "rose", "down": "fell", "same": "held", "can't tell": "is inconclusive"}
    said = []
    for name in ("pass_at_1", *decisive(run, verdict)):
        result = verdict["outcomes"][name]["is"] if name in verdict["outcomes"] else "not measured"
        sentence = f"{outcome_name(name, run)} {verbs.get(result, 'was not measured')}"
        if result in ("down", "can't tell"):
            bounds = _first([f"{_who(one, found)} {_bounds(name, other['outcomes'][name])}" for one, other in members])
            sentence += f" (95% CI in {'%' if name == 'distinct' else 'points'}: {bounds})"
        said.append(sentence)
    return f"{'; '.join([*said, *without_pass_at_n(run, verdict)])}."


def _bounds(name: str, outcome: JudgedChange) -> str:
    """The interval, and why a change is inconclusive that it shows."""
    corrected = after_holm(outcome)
    return interval_text(name, outcome, bounds=True) + (f" but {corrected} after Holm's correction" if corrected else "")


def _detectable(study: Study, members: list[Found]) -> list[str]:
    """How large an inconclusive change of pass@N would have had to be."""
    changes = [presented(verdict["outcomes"], study["headline"]).get("pass_at_n") for _, verdict in members]
    smallest = [one["smallest"] for one in changes if one and one["is"] == "can't tell" and one["smallest"] is not None]
    if not smallest:
        return []
    least = fixed(100 * max(smallest), 1)
    return [f"With {study['problems']:,} problems pass@{study['headline']} must change by about {least} points to show."]


def _next(studies: Sequence[Study], asked: str, width: int) -> list[HeadlineLine]:
    given = f" {asked}" if asked else ""
    steps = [(f"sirev report all{given}", "every table")]
    if len(studies) == 1:  # which is what a page is about
        steps.insert(
            0, (f"sirev report html{given} {as_typed('-o', studies[0]['recipe'] + '.html')}", "figures, tables, every answer")
        )
    iterated = [study for study in studies if not all(map(measured, study["runs"]))]
    few = any(len(claim["seeds"]) < SEEDS for study in iterated for claim in study["methods"])
    lacking = [
        *(["--seed 0 --seed 1 --seed 2"] if few else []),
        *(["--null retrain"] if any(not any(run["null"] for run in study["runs"]) for study in iterated) else []),
    ]
    longest = max(len(command) for command, _ in steps)
    lines: list[HeadlineLine] = [[("  ", ""), (f"{command:<{longest}}", ""), (f"  {what}", "dim")] for command, what in steps]
    if any(sum(len(text) for text, _ in line) > width for line in lines):
        lines = [[("  ", ""), (command, "")] for command, _ in steps]
    if lacking:
        (claim,) = _paragraphs([f"for a claim: iterate the same with {' '.join(lacking)}"])
        lines += _folded(claim, width)
    return lines


def _paragraphs(sentences: Iterable[str]) -> list[HeadlineLine]:
    return [[(f"  {sentence}", "")] for sentence in sentences]


def _folded(line: HeadlineLine, width: int) -> list[HeadlineLine]:
    """A line of words broken between them where it is too long, bold to where it was at its beginning."""
    text = "".join(piece for piece, _ in line)
    if len(text) <= width or any(style not in ("", "bold") for _, style in line):
        return [line]
    bold = sum(len(piece) for piece, style in line if style == "bold")
    first, *others = textwrap.wrap(text, width, subsequent_indent="    ", break_on_hyphens=False, break_long_words=False)
    return [[(first[:bold], "bold"), (first[bold:], "")], *([(other, "")] for other in others)]


def _who(run: RunData, found: list[Found]) -> str:
    """A run as short as tells it from the others of its study."""
    if measured(run):
        return model_name(run, run["iterations"][-1]["t"])
    return f"{run['label']} {run['seed']}" if len({one["seed"] for one, _ in found}) > 1 else str(run["label"])


def _among(run: RunData, found: list[Found]) -> str:
    """ " (sft)", or nothing where there is only one run."""
    return f" ({_who(run, found)})" if len(found) > 1 else ""


def _first(parts: Sequence[str]) -> str:
    """The parts, as many as a screen has room for: of several seeds there are many."""
    return listed(parts, _FEW)
