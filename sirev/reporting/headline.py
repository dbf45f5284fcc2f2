"""A report on one screen: the verdict per method, the three observations behind it, and the next commands."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence

from sirev.listing import count_text, seeds_text
from sirev.metrics.study_verdict import SEEDS
from sirev.quoting import as_typed
from sirev.reporting.observed import (
    Judgement,
    ObservationLine,
    as_shown,
    counts_in_words,
    gain_in_words,
    observation_lines,
    outcomes_of,
    perplexity_in_words,
    seeds_in_words,
    verdict_in_words,
    voting_in_words,
)
from sirev.reporting.one_model import is_one_model, one_model
from sirev.reporting.pass_at_1 import GREEDY, pass_at_1_source
from sirev.reporting.sections.run_rows import RunData, Study, in_words, measured, model_name, runs_of
from sirev.reporting.sections.unread import first_lines, reading_differs
from sirev.reporting.sections.verdicts import NO_NULL, claims_in_words, no_verdict, verdicts_of

WIDTH = 80
"""Widest line, in characters."""
_QUESTION, _RESULT = 16, 8
"""Widths of an observation's name and of its result, in characters."""
_INDENT = 2 + 2 + _QUESTION + 2 + _RESULT + 2
RESULT_STYLES = {"FELL": "down", "ROSE": "up", "NEW": "up", "SELECTED": "down", "OPEN": "dim"}
_WORD_STYLES = {"progress": "up", "reversal": "down", "regress": "down"}

HeadlineLine = list[tuple[str, str]]
"""(text, style) pairs; a style is "", "bold", "dim", "up" or "down"."""


def headline(studies: Sequence[Study], asked: str = "", width: int = WIDTH) -> list[HeadlineLine]:
    """The screen, a block per study, in lines of at most `width` characters; only commands may be longer.

    `asked` are the options of `sirev report` that select the same runs.
    """
    lines: list[HeadlineLine] = []
    for study in studies:
        lines += [*([[]] if lines else []), *study_screen(study, width)]
    if studies:
        lines += [[], [("Next", "bold")], *_next(studies, asked, width)]
    return lines


def study_screen(study: Study, width: int = WIDTH) -> list[HeadlineLine]:
    """The block of one study: title, verdict and observations per method, and caveats."""
    return [part for line in _of_study(study, width) for part in _folded(line, width)]


def as_text(lines: Iterable[HeadlineLine]) -> str:
    """The lines without their styles."""
    return "".join("".join(text for text, _ in line).rstrip() + "\n" for line in lines)


def judgements(study: Study) -> list[tuple[RunData, Judgement]]:
    """The judgement on each method, with its last run: pooled over several seeds, else the only verdict."""
    found = verdicts_of([study])
    judged: list[tuple[RunData, Judgement]] = []
    for method in dict.fromkeys(verdict["method"] for _, verdict in found):
        of_method = [(run, verdict) for run, verdict in found if verdict["method"] == method]
        claim = next((one for one in study["methods"] if one["method"] == method), None)
        run, verdict = of_method[-1]
        judged.append((run, claim if claim is not None and len(of_method) > 1 else verdict))
    return judged


def _of_study(study: Study, width: int) -> list[HeadlineLine]:
    found = verdicts_of([study])
    lines = [_title(study), *_paragraphs(first_lines(runs_of([study])))]
    for run in runs_of([study]):
        if run["stopped"]:
            lines.append([(f"  {in_words(run)}: stopped at {run['stopped']}", "")])
    if not found and (alone := [run for run in runs_of([study]) if is_one_model(run)]):
        return [*lines, *(part for run in alone for part in _alone(run, width))]
    if not found:
        return [*lines, *_paragraphs([no_verdict(study)])]
    judged = judgements(study)
    for run, judgement in judged:
        lines += [[], *_block(study, run, judgement, width)]
    counted = counts_in_words(judgement for _, judgement in judged)
    notes = claims_in_words([study])
    without = {run["seed"] for run, verdict in found if verdict["null"] == NO_NULL and not measured(run)}
    if without:
        some = without < {run["seed"] for run, _ in found}
        of = f" of {seeds_text(sorted(without))}" if some else ""
        notes.append(f"No null run{of}: how much retraining alone would change is unknown.")
    said = [part for part in (counted, " ".join(notes)) if part]
    return [*lines, *([[], *_paragraphs(said)] if said else [])]


def _alone(run: RunData, width: int) -> list[HeadlineLine]:
    """The lines of a single model, without a comparison."""
    lines: list[HeadlineLine] = [[]]
    for what, said in one_model(run):
        head = f"  {what:<{_QUESTION}}  "
        parts = wrapped_text(said, max(width - len(head), 20)) or [""]
        lines += [[((head if i == 0 else " " * len(head)) + part, "")] for i, part in enumerate(parts)]
    return [*lines, [], *_paragraphs(["One model: a second --step would be compared with it."])]


def _title(study: Study) -> HeadlineLine:
    runs = runs_of([study]) or study["runs"]
    last = max(runs, key=lambda run: len(run["iterations"]))
    ends = [model_name(last, last["iterations"][i]["t"]) for i in (0, -1)]
    words = [count_text(study["problems"], "test problem"), ends[0] if is_one_model(last) else f"{ends[0]} → {ends[1]}"]
    if not measured(last):
        words.append(seeds_text(dict.fromkeys(run["seed"] for run in runs)))
    return [(f"{study['recipe']}: ", "bold"), (", ".join(words), "")]


def _block(study: Study, run: RunData, judgement: Judgement, width: int) -> list[HeadlineLine]:
    """The verdict on a method, and one or more lines per observation."""
    source = pass_at_1_source([run])
    first = "pass@1" if source == GREEDY else f"pass@1, {source},"
    gain = f"{first} {gain_in_words(outcomes_of(judgement).get('pass_at_1'))}"
    words = verdict_in_words(judgement) + (" (READ UNEVENLY)" if reading_differs(run) else "")
    style = word_style(judgement)
    name = "" if measured(run) and len(study["methods"]) < 2 else f"{run['label']}  "
    free = width - len(name) - len(gain) - len(words)
    if free >= 2:
        lines: list[HeadlineLine] = [[(name, "bold"), (gain, ""), (" " * free, ""), (words, style)]]
    else:
        lines = [[(name, "bold"), (words, style)], [(f"  {gain}", "")]]
    if differs := reading_differs(run):
        lines += [[(part, "bold")] for part in wrapped_text(f"    but {differs}", width, "    ")]
    for line in observation_lines(study, run, judgement):
        lines += _observation(as_shown(line), width)
    beside = [one for one in (voting_in_words(run), perplexity_in_words(run)) if one]
    if "seeds" in judgement:
        beside.append(seeds_in_words(judgement))
    for said in beside:
        lines += [[(part, "")] for part in wrapped_text(f"    {said[0].upper()}{said[1:]}", width, "    ")]
    return lines


def _observation(line: ObservationLine, width: int) -> list[HeadlineLine]:
    first, *others = wrapped_text(line.evidence, max(width - _INDENT, 20)) or [""]
    head = f"  {line.number:<2}{line.question:<{_QUESTION}}  "
    made: list[HeadlineLine] = [
        [(head, ""), (f"{line.result:<{_RESULT}}", RESULT_STYLES.get(line.result, "")), (f"  {first}", "")]
    ]
    return made + [[(" " * _INDENT + other, "")] for other in others]


def word_style(judgement: Judgement) -> str:
    """The style of a verdict's headline."""
    return _WORD_STYLES.get(judgement["possible"][0], "bold") if len(judgement["possible"]) == 1 else "bold"


def wrapped_text(text: str, width: int, indent: str = "") -> list[str]:
    """Lines of text broken between words. `indent` begins all lines but the first."""
    return textwrap.wrap(text, width, subsequent_indent=indent, break_on_hyphens=False, break_long_words=False)


def _next(studies: Sequence[Study], asked: str, width: int) -> list[HeadlineLine]:
    given = f" {asked}" if asked else ""
    steps = [(f"sirev report all{given}", "every table")]
    page = f"{studies[0]['recipe'] if len(studies) == 1 else 'report'}.html"
    holds = "figures, tables, every answer" if len(studies) == 1 else "side by side, then each"
    steps.insert(0, (f"sirev report html{given} {as_typed('-o', page)}", holds))
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
    """A line, broken between words if it is too long; its bold beginning stays bold. Lines in other styles stay whole."""
    text = "".join(piece for piece, _ in line)
    if len(text) <= width or any(style not in ("", "bold") for _, style in line):
        return [line]
    bold = sum(len(piece) for piece, style in line if style == "bold")
    first, *others = textwrap.wrap(text, width, subsequent_indent="    ", break_on_hyphens=False, break_long_words=False)
    return [[(first[:bold], "bold"), (first[bold:], "")], *([(other, "")] for other in others)]
