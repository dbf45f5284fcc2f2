"""Multiple-choice questions answered by letter: rows in the upstream and the Hub's shapes, and prompts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sirev.errors import BadInput
from sirev.tasks.problem_ids import plain, problems_in_order
from sirev.tasks.rows import Row, shown, text
from sirev.tasks.task import Problems
from sirev.tasks.templates import render

LETTERS = "ABCDE"
LETTER_PROMPT = "Answer the question with the letter of the best option.\n\nQuestion: {question}\n{options}\nAnswer:\n"


@dataclass(frozen=True)
class Question:
    """One question in a form that is independent of the row's shape; `options` in the order of their letters."""

    id: str
    stem: str
    options: tuple[str, ...]
    letter: str

    def fields(self) -> dict[str, str]:
        """The fields of a template."""
        options = "\n".join(f"{letter}. {option}" for letter, option in zip(LETTERS, self.options, strict=False))
        return {"question": self.stem, "options": options}

    def problem(self, prompt: str, target: str) -> dict[str, str]:
        """The row of a problem."""
        return {"id": self.id, "prompt": prompt, "target": target, "answer": self.letter, "level": ""}


def lettered(row: Row, stem: str, least: int = 3) -> Question:
    """The question of a row, with `least` to five options that are labelled by letters or numbers; BadInput for other rows.

    Upstream rows nest the question as {stem, choices: [{label, text}]}. The Hub's are flat, with the text in the field named
    by `stem`, and choices {label: [...], text: [...]}. A few of ARC's are labelled 1 to 4, and become A to D.
    """
    nested = row.values.get("question")
    inner = Row(row.where, nested) if isinstance(nested, dict) else row
    asked = plain(text(inner, "stem" if inner is not row else stem))
    key = text(row, "answerKey", empty=True).strip()
    options = _options(inner, least)
    if key not in options:
        raise BadInput(f"{row.where}: field 'answerKey' must be one of {', '.join(options)}, found {shown(key)}")
    return Question(text(row, "id"), asked, tuple(options.values()), LETTERS[list(options).index(key)])


def lettered_problems(rows: Iterable[Row], stem: str, template: str) -> Problems:
    """Problem rows of questions, read by `lettered`, in the order of the data set's ids.

    The answer is the letter, the target the line "Answer: X".
    """
    questions = (lettered(row, stem) for row in rows)
    return problems_in_order(q.problem(render(template, **q.fields()), f"Answer: {q.letter}") for q in questions)


def _options(row: Row, least: int) -> dict[str, str]:
    """Label -> option, in the order of labels; BadInput for any other shape."""
    choices = row.values.get("choices")
    try:
        if isinstance(choices, dict):
            pairs = list(zip(choices["label"], choices["text"], strict=True))
        else:
            pairs = [(choice["label"], choice["text"]) for choice in choices or ()]
        by_label = dict(sorted(pairs, key=lambda pair: pair[0]))
        named = "".join(by_label)
        if len(pairs) < least or len(by_label) < len(pairs) or named not in (LETTERS[: len(pairs)], "12345"[: len(pairs)]):
            raise ValueError
    except (KeyError, TypeError, ValueError):
        kind = "options A to E" if least == len(LETTERS) else f"{least} to {len(LETTERS)} options, A, B, C or 1, 2, 3 and so on"
        raise BadInput(f"{row.where}: field 'choices' must hold {kind}, found {shown(choices)}") from None
    each = Row(row.where, by_label)
    return {label: plain(text(each, label)) for label in by_label}
