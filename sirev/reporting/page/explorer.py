"""The answers behind the report, packed for the page: each text once, and in chunks that the page opens when it needs them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Answer = Mapping[str, Any]
"""{"text", "correct", "reason"}"""
AnswersByStep = Mapping[int, Mapping[str, Any]]
"""t -> {"greedy": {id: Answer}, "draws": {id: [Answer, ...]}, "counts": {id: [right, of]}, "lost": [...]}.

"counts" if `draws` are not all; "lost" names those of "greedy" and "draws" that were made and that the store lacks.
"""

PROBLEMS_PER_CHUNK = 32
"""Problems per chunk: opening one takes a few milliseconds, and its texts, being alike, compress well together."""
TEXT_BUDGET = 27_000_000
"""Characters of distinct texts in a page; once packed at most about a third of it in bytes, for solutions of word problems."""
PLANS = ((8, 200_000), (4, 100_000), (2, 50_000), (1, 20_000), (1, 4_000), (0, 1_000))
"""(draws, characters per text) that are kept; the first that the budget allows. Draws fit into the bits of a JS integer."""
ABSENT_INDEX = -1


def explorer_data(
    problems: Sequence[Mapping[str, Any]], answers: Mapping[str, AnswersByStep], names: Mapping[str, Sequence[str]] | None = None
) -> dict[str, Any]:
    """What `render_page` packs into the page.

    problems: {"id", "level", "prompt", "answer"}, in the order of the list. answers: "METHOD seed" -> Steps, the first t of each
    being M_1. names: "METHOD seed" -> the names of its M_1, M_2, ... if they have any. An answer that is missing is shown as
    missing. Returns {"index": what lists, filters and searches need, "chunks": [{"texts", "cut", "rows"}]}, of
    rows[problem][run][step] = [text, verdict, text, verdict, ...], greedy first; verdict = 2 * reason + correct.
    """
    plan = next((plan for plan in PLANS if _characters(problems, answers, *plan) <= TEXT_BUDGET), PLANS[-1])
    reasons: dict[str, int] = {}
    chunks = [
        _chunk(problems[at : at + PROBLEMS_PER_CHUNK], answers, reasons, *plan)
        for at in range(0, len(problems), PROBLEMS_PER_CHUNK)
    ]
    index = {
        "problems": {name: [_text(problem.get(name)) for problem in problems] for name in ("id", "level", "prompt", "answer")},
        "runs": [_run(label, steps, problems, plan[0], (names or {}).get(label, ())) for label, steps in answers.items()],
        "reasons": list(reasons),
        "chunk": PROBLEMS_PER_CHUNK,
        "draws": plan[0],
    }
    return {"index": index, "chunks": chunks}


def _run(
    label: str, steps: AnswersByStep, problems: Sequence[Mapping[str, Any]], draws: int, names: Sequence[str]
) -> dict[str, Any]:
    """`names` and `lost`: of each step its name and what the store lacks of it. `right`: for each step and problem, bit 0 if the
    greedy answer is right, bit i if the i-th draw is; without a greedy answer -1 less these bits.
    """
    right, counts = [], []
    for t in steps:
        greedy, drawn, counted = (steps[t].get(name) or {} for name in ("greedy", "draws", "counts"))
        right.append([_bits(greedy.get(p["id"]), (drawn.get(p["id"]) or ())[:draws]) for p in problems])
        counts.append([counted.get(p["id"]) or _counts(drawn.get(p["id"]) or ()) for p in problems])
    lost = [list(step.get("lost") or ()) for step in steps.values()]
    named = [names[t - 1] if t <= len(names) else "" for t in steps]
    return {"label": label, "steps": list(steps), "names": named, "lost": lost, "right": right, "counts": counts}


def _bits(greedy: Answer | None, draws: Iterable[Answer]) -> int:
    bits = sum(1 << i for i, answer in enumerate((greedy, *draws)) if answer is not None and answer["correct"])
    return bits if greedy is not None else -1 - bits


def _counts(draws: Sequence[Answer]) -> list[int]:
    return [sum(bool(answer["correct"]) for answer in draws), len(draws)]


def _chunk(
    problems: Sequence[Mapping[str, Any]], answers: Mapping[str, AnswersByStep], reasons: dict[str, int], draws: int, longest: int
) -> dict[str, Any]:
    texts: dict[str, int] = {}
    rows: list[list[list[list[int]]]] = []
    for problem in problems:
        rows.append([])
        for steps in answers.values():
            rows[-1].append([])
            for step in steps.values():
                cell: list[int] = []
                for answer in _kept(step, problem["id"], draws):
                    if answer is None:
                        cell += [ABSENT_INDEX, 0]
                        continue
                    reason = reasons.setdefault(_text(answer.get("reason")), len(reasons))
                    cell += [texts.setdefault(_text(answer["text"]), len(texts)), 2 * reason + bool(answer["correct"])]
                rows[-1][-1].append(cell)
    cut = {i: len(text) - longest for text, i in texts.items() if len(text) > longest}
    return {"texts": [text[:longest] for text in texts], "cut": cut, "rows": rows}


def _kept(step: Mapping[str, Any], problem: str, draws: int) -> list[Answer | None]:
    greedy, drawn = step.get("greedy") or {}, step.get("draws") or {}
    return [greedy.get(problem), *(drawn.get(problem) or ())[:draws]]


def _characters(problems: Sequence[Mapping[str, Any]], answers: Mapping[str, AnswersByStep], draws: int, longest: int) -> int:
    total = 0
    for problem in problems:
        steps = [step for run in answers.values() for step in run.values()]
        texts = {_text(a["text"]) for step in steps for a in _kept(step, problem["id"], draws) if a is not None}
        total += sum(min(len(text), longest) for text in texts)
    return total


def _text(value: object) -> str:
    return "" if value is None else str(value)
