"""Answers packed for the page: each text once per chunk, in chunks that the page opens on demand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Answer = Mapping[str, Any]
"""{"text", "correct", "reason"}"""
AnswersByStep = Mapping[int, Mapping[str, Any]]
"""t -> {"greedy": {id: Answer}, "draws": {id: [Answer, ...]}, "counts": {id: [right, of]}, "lost": [...]}.

"counts" is needed if "draws" has only some of the draws. "lost" names those of "greedy" and "draws" that the store lacks.
"""

PROBLEMS_PER_CHUNK = 32
"""Problems per chunk. A chunk opens in a few milliseconds, and its similar texts compress well together."""
TEXT_BUDGET = 27_000_000
"""Most characters of distinct texts in a page. Packed solutions of word problems take at most about a third of it in bytes."""
PLANS = ((8, 200_000), (4, 100_000), (2, 50_000), (1, 20_000), (1, 4_000), (0, 1_000))
"""(draws, characters per text) to keep; the first within the budget is used. Draws fit into the bits of a JS integer."""
ABSENT_INDEX = -1


def explorer_data(
    problems: Sequence[Mapping[str, Any]], answers: Mapping[str, AnswersByStep], names: Mapping[str, Sequence[str]] | None = None
) -> dict[str, Any]:
    """The data of the explorer, for `render_page`.

    problems: {"id", "level", "prompt", "answer"}, in the order of display. answers: label of a run -> its answers by t, the first
    of which is M_1. names: label -> the names of M_1, M_2, ... if they have any. Missing answers are shown as missing.
    Returns {"index": the data of lists, filters and searches, "chunks": [{"texts", "cut", "rows"}]}, with
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
    """A run in the index.

    `names` and `lost`, per step: its name, and the kinds of answers that the store lacks. `right`, per step and problem: bit 0
    is set if the greedy answer is correct, bit i if the i-th draw is; without a greedy answer it is -1 minus these bits.
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
