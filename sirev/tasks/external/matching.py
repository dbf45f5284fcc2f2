"""Matching of imported completions to a task's problems: by id, else by the text of the question."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sirev.errors import BadInput
from sirev.tasks.external.sampled import Sampled
from sirev.tasks.problem_ids import plain
from sirev.tasks.registry import TASKS
from sirev.tasks.rows import shown


def matched(
    sampled: Sequence[Sampled], problems: Sequence[Mapping[str, str]], task: str, template: str
) -> list[tuple[Sampled, Mapping[str, str]]]:
    """Each problem of a file, with its problem of the task.

    `template` is the text of the prompts' template; its question is compared if no id matches. Raises BadInput for problems that
    the task does not have, naming the first and their number, and for two that match the same problem.
    """
    by_id = {problem["id"]: problem for problem in problems}
    by_question: dict[str, Mapping[str, str]] = {}
    for known in problems:
        by_question.setdefault(_words(known["prompt"]), known)
        by_question.setdefault(_words(question_of(known["prompt"], template)), known)
    found: list[tuple[Sampled, Mapping[str, str]]] = []
    missing: list[Sampled] = []
    seen: dict[str, Sampled] = {}
    for one in sampled:
        wordings = [by_question[words] for words in (_words(one.named), _words(one.prompt)) if words in by_question]
        problem = by_id.get(TASKS[task].problem_id(one.named)) or next(iter(wordings), None)
        if problem is None:
            missing.append(one)
            continue
        if other := seen.get(problem["id"]):
            raise BadInput(
                f"{one.where}: {shown(one.named)} is the same problem of {task} as {shown(other.named)} in {other.where}; if ids "
                "name completions, name the field of the problem: --id FIELD"
            )
        seen[problem["id"]] = one
        found.append((one, problem))
    if missing:
        first = missing[0]
        few = f"{len(missing)} of {len(sampled)} problems are"
        raise BadInput(
            f"{first.where}: the problem {shown(first.named)} is none of the {len(problems)} of the task {task}, by id or by "
            f"question ({few} not among them)"
        )
    return found


def question_of(prompt: str, template: str) -> str:
    """The question in a prompt made by a template; the prompt itself if it does not fit the template."""
    before, _, after = template.partition("{question}")
    between, more, _ = after.partition("{")
    if not prompt.startswith(before) or not between:
        return prompt
    rest = prompt[len(before) :]
    return rest.partition(between)[0] if more else rest.removesuffix(between)


def _words(text: str) -> str:
    """A text for comparison, with normalised whitespace, in which mirrors differ."""
    return " ".join(plain(text).split())
