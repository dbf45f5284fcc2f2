"""The user's own task as JSONL rows: question, answer and, optionally, solution, level and id."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar, Literal

from sirev.errors import BadInput
from sirev.tasks.problem_ids import content_id, plain, problems_in_order
from sirev.tasks.rows import Row, text
from sirev.tasks.task import Asked, DataTask, OwnTask, Problems
from sirev.tasks.templates import render

PROMPT = "Question: {question}\nAnswer:\n"
TARGET = "{solution}"


class OwnRows(OwnTask, DataTask):
    """Your own task as JSONL: question, answer and, optionally, level, solution and id."""

    name: Literal["jsonl"]
    prompt: str = PROMPT
    target: str = TARGET
    """The template of M_1's training targets; may hold {solution} (the answer, if a row has no solution) and {answer}."""

    title = "your own problems"
    templates: ClassVar = {"question": PROMPT}

    @staticmethod
    def read(asked: Asked) -> Problems:
        return problems(asked.rows("data"), asked.options["prompt"], asked.options["target"])

    @property
    def template(self) -> str:
        return ""

    @property
    def prompt_template(self) -> str:
        return self.prompt

    def problem_options(self) -> dict[str, Any]:
        return {"prompt": self.prompt, "target": self.target}


TASK = OwnRows


def problems(rows: Iterable[Row], template: str = PROMPT, target_template: str = TARGET) -> Problems:
    """Problem rows in the order of ids; the templates are texts in which only {question}, {solution} and {answer} are filled in.

    A row without `solution` uses its answer. The id of a row without `id` is a digest of its content, so exact copies count
    once. Raises BadInput for two rows with the same `id`.
    """
    check_templates(template, target_template)
    seen: dict[str, str] = {}
    found = []
    for row in rows:
        found.append(_problem(row, template, target_template))
        if "id" in row.values:
            _unseen(seen, found[-1]["id"], row.where)
    return problems_in_order(found)


def check_templates(template: str, target_template: str) -> None:
    """Raise BadInput if a template lacks a field or the prompt ends in a blank; needs no rows."""
    if "{question}" not in template:
        raise BadInput(f"task.prompt must contain {{question}}, found {template!r}")
    if template.endswith((" ", "\t")):
        raise BadInput(f"task.prompt must not end in a blank, which belongs to the next token; end it in a newline: {template!r}")
    if "{solution}" not in target_template and "{answer}" not in target_template:
        raise BadInput(f"task.target must contain {{solution}} or {{answer}}, found {target_template!r}")


def _problem(row: Row, template: str, target_template: str) -> dict[str, str]:
    question, answer = plain(text(row, "question")), plain(text(row, "answer"))
    solution = plain(text(row, "solution")) if "solution" in row.values else answer
    return {
        "id": text(row, "id") if "id" in row.values else content_id("row", question, answer, solution),
        "prompt": render(template, question=question),
        "target": render(target_template, solution=solution, answer=answer).strip(),
        "answer": answer,
        "level": text(row, "level", empty=True) if "level" in row.values else "",
    }


def _unseen(seen: dict[str, str], id_: str, where: str) -> None:
    if id_ in seen:
        raise BadInput(f"{where}: id {id_!r} is also that of {seen[id_]}")
    seen[id_] = where
