"""CommonsenseQA (Talmor et al. 2019, arXiv 1811.00937): five options each, answered by letter, with or without a rationale."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar, Literal

from pydantic import model_validator

from sirev.errors import BadInput
from sirev.fields import Count
from sirev.tasks.choices import LETTER_PROMPT, LETTERS, Question, lettered
from sirev.tasks.csqa_examples import EXAMPLES
from sirev.tasks.problem_ids import plain, problems_in_order
from sirev.tasks.rows import Row, text
from sirev.tasks.splits import FEW_SHOT
from sirev.tasks.task import Answers, Asked, Data, DataTask, Problems
from sirev.tasks.templates import render

CSQA_TEMPLATES = {
    "csqa_letter": LETTER_PROMPT,
    "csqa_rationale": (
        'Reason about the question, then end with a line "Answer: X", where X is the letter of the best option.\n\n'
        "Question: {question}\n{options}\nReasoning:\n"
    ),
    "csqa_few_shot": "Question: {question}\n{options}\nReasoning:\n",
}
RATIONALES = {"none": "csqa_letter", "ecqa": "csqa_rationale", "self": "csqa_rationale"}
"""Source of rationales, or "none" -> the prompt template."""


class Csqa(DataTask):
    """CommonsenseQA (Talmor et al. 2019, arXiv 1811.00937), with its dev split as the test set, as usual.

    `rationales` are the training targets of M_1: `ecqa` explanations (Aggarwal et al. 2021), `self`-made ones by few-shot
    rejection sampling from M_0 (STaR, arXiv 2203.14465, never shown the gold answer), or `none`: only the letter.
    """

    name: Literal["csqa"]
    rationales: Literal["ecqa", "self", "none"]
    explanations: Data | None = None
    """ECQA's rows (id, explanation); only for `rationales: ecqa`."""
    bootstrap: Count = 8
    """Draws per problem from which self-made rationales are chosen; only for `rationales: self`."""

    title = "CommonsenseQA"
    default_grader = "letter"
    guess = 0.2
    splits: ClassVar = {"train": "train", "test": "validation"}
    published: ClassVar = {"train": 9741, "test": 1221}
    templates: ClassVar = CSQA_TEMPLATES

    @model_validator(mode="after")
    def _explained(self) -> Csqa:
        if self.rationales == "ecqa" and self.explanations is None:
            raise ValueError("rationales: ecqa needs `explanations`, where ECQA's rows are")
        return self

    @staticmethod
    def read(asked: Asked) -> Problems:
        if asked.split == FEW_SHOT:
            return few_shot(asked.rows("data"))
        rationales = asked.options["rationales"]
        explained = asked.rows("explanations") if rationales == "ecqa" else None
        return problems(asked.rows("data"), asked.split, rationales=rationales, explanations=explained, template=asked.wording)

    @property
    def template(self) -> str:
        return RATIONALES[self.rationales]

    @property
    def rationale_draws(self) -> int | None:
        return self.bootstrap if self.rationales == "self" else None

    def sources(self) -> dict[str, Data]:
        explained = self.explanations if self.rationales == "ecqa" else None
        return {"data": self.data, **({"explanations": explained} if explained is not None else {})}

    def problem_options(self) -> dict[str, Any]:
        return {"rationales": self.rationales}

    def answers(self, grader: str) -> Answers:
        return "letters" if self.rationales == "none" else "text"

    def unread(self) -> dict[str, str]:
        readers = {"explanations": "ecqa", "bootstrap": "self"}
        return {field: f"read only with rationales: {one}" for field, one in readers.items() if self.rationales != one}


TASK = Csqa


def problems(
    rows: Iterable[Row],
    split: str,
    *,
    rationales: str = "none",
    explanations: Iterable[Row] | None = None,
    template: str | None = None,
) -> Problems:
    """Problem rows from upstream JSONL or the Hub's shape, in the order of the data set's ids.

    The answer is the letter. Targets by `rationales`: "none", only the letter; "ecqa", the explanation and a line
    "Answer: X" (train problems without an ECQA explanation are left out); "self", empty on train, since the model makes
    them later. With rationales, targets of splits other than train are the line "Answer: X".
    `explanations` are rows of ECQA (Aggarwal et al. 2021) with `id` and `explanation`.
    """
    if rationales not in RATIONALES:
        raise BadInput(f"rationales: unknown {rationales!r} (known: {', '.join(RATIONALES)})")
    wording = template or CSQA_TEMPLATES[RATIONALES[rationales]]
    questions = [_question(row) for row in rows]
    targets = _targets(questions, rationales, split, explanations)
    return problems_in_order(q.problem(render(wording, **q.fields()), targets[q.id]) for q in questions if q.id in targets)


def few_shot(rows: Iterable[Row]) -> Problems:
    """The same problems with the same ids, for a base model: the prompt begins with worked examples, the target is "".

    Sampling must stop at `STOP`. Completions have a rationale and a line "Answer: X", like "ecqa" targets.
    """
    template = CSQA_TEMPLATES["csqa_few_shot"]
    examples = "".join(f"{render(template, **q.fields())}{reasoning}\nAnswer: {q.letter}\n\n" for q, reasoning in _examples())
    return problems_in_order(q.problem(examples + render(template, **q.fields()), "") for q in map(_question, rows))


def _examples() -> list[tuple[Question, str]]:
    return [(Question("", e.stem, e.options, e.letter), e.reasoning) for e in EXAMPLES]


def _targets(questions: list[Question], rationales: str, split: str, explanations: Iterable[Row] | None) -> dict[str, str]:
    if rationales == "none":
        return {q.id: q.letter for q in questions}
    if split != "train":
        return {q.id: f"Answer: {q.letter}" for q in questions}
    if rationales == "self":
        return {q.id: "" for q in questions}
    explained = _explained(explanations or ())
    targets = {q.id: f"{explained[q.id]}\nAnswer: {q.letter}" for q in questions if q.id in explained}
    if not targets:
        raise BadInput(f"none of the {len(questions)} questions of {split} has an ECQA explanation (joined by id)")
    return targets


def _explained(rows: Iterable[Row]) -> dict[str, str]:
    """Question id -> the first explanation; rows without one are left out, as in ECQA's script."""
    found: dict[str, str] = {}
    for row in rows:
        id_ = text(row, "id")
        explanation = plain(text(row, "explanation", empty=True)) if "explanation" in row.values else ""
        if explanation:
            found.setdefault(id_, explanation)
    return found


def _question(row: Row) -> Question:
    if not text(row, "answerKey", empty=True).strip():
        hint = "the Hub's test split is published without answers: use validation"
        raise BadInput(f"{row.where}: field 'answerKey' must be one of {', '.join(LETTERS)}, found '' ({hint})")
    return lettered(row, "question", least=len(LETTERS))
