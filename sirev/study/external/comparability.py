"""Checks before any grading that the files of several models can be compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sirev.errors import BadInput
from sirev.listing import listed
from sirev.metrics.study_verdict import FEWEST, MATCHED
from sirev.study.external.model_files import Read
from sirev.tasks.problem_ids import plain


def check_greedy(read: Sequence[Read], single: str) -> None:
    """Raise BadInput for several greedy answers to one problem, or greedy answers for some of the models only."""
    for one in read:
        if one.source.kind == "greedy" and not one.single:
            rows = one.artifact.rows("completions")
            name = next(row["problem_id"] for row in rows if row["draw"] == 1)
            raise BadInput(
                f"{one.source.option}: expected one greedy answer per problem, and the problem {name!r} has "
                f"{sum(row['problem_id'] == name for row in rows)} (up to {one.summary['most']})"
            )
    given = {one.source.t for one in read if one.source.kind == "greedy"}
    files = [one for one in read if one.source.kind == "file" and one.source.t not in given]
    lacking = [one.source.model for one in files if not is_greedy(one, single)]
    if given and lacking:
        having = ", ".join(one.source.model for one in read if one.source.kind == "greedy")
        raise BadInput(
            f"--greedy: {having} {_have(len(given))} greedy answers and {', '.join(lacking)} {_have(len(lacking))} none, so they "
            f"can't be compared; give those too (--greedy {lacking[0]}=FILE), or none: pass@1 is then the mean of the draws"
        )


def is_greedy(one: Read, single: str) -> bool:
    """Whether a model's completions count as its greedy answers if no others are named for it."""
    return one.single and single == "greedy"


def _have(count: int) -> str:
    return "has" if count == 1 else "have"


def check_problems(read: Sequence[Read]) -> None:
    """Raise BadInput where a source has other problems than M_1's, naming the option that helps, if there is one."""
    first = read[0]
    for one in read[1:]:
        if one.summary["ids"] != first.summary["ids"]:
            raise BadInput(_other_problems(one, first, read))


def _other_problems(one: Read, first: Read, read: Sequence[Read]) -> str:
    mine, theirs = ({row["id"]: row for row in each.artifact.rows("problems")} for each in (one, first))
    odd = [
        f"{len(more)} only in {where}, such as {_named(more[0])}"
        for where, more in (
            (one.source.model, [row for id_, row in mine.items() if id_ not in theirs]),
            (first.source.model, [row for id_, row in theirs.items() if id_ not in mine]),
        )
        if more
    ]
    line = (
        f"{one.source.parameters.file}: {one.source.model} has other problems than {first.source.model} ({len(mine)} and "
        f"{len(theirs)}): {'; '.join(odd)}; "
    )
    shared = len(mine.keys() & theirs.keys())
    asked, known = ({plain(row["prompt"]) for row in each.values()} - {""} for each in (mine, theirs))
    if len(asked & known) > shared:
        at, other = (each.summary["fields"].get("prompt") for each in (one, first))
        same = "their questions are the same" if asked == known else f"{len(asked & known)} questions are the same"
        if at and at == other:
            return f"{line}{same}, so let them name the problems: --id {'.'.join(at)}"
        return f"{line}{same}, and could name the problems with --id FIELD if the files had one field for them"
    everywhere = set.intersection(*({row["id"] for row in each.artifact.rows("problems")} for each in read))
    if everywhere:
        return f"{line}--common compares the {len(everywhere)} problems that every step has"
    return f"{line}only answers to the same problems can be compared"


def _named(problem: Mapping[str, str]) -> str:
    prompt = " ".join(problem["prompt"].split())
    return repr(problem["id"]) + (f" ({prompt[:60]!r})" if prompt else "")


def warnings(read: Sequence[Read], single: str) -> list[str]:
    """Warnings to read before believing a number."""
    return [*_numbered(read), *_same_files(read), *_unlike(read, single), *_failed(read)]


def _numbered(read: Sequence[Read]) -> list[str]:
    named = [one for one in read if one.summary["numbered"]]
    if not named:
        return []
    found, models = named[0].summary["numbered"], ", ".join(dict.fromkeys(one.source.model for one in named))
    return [
        f"{models}: the {named[0].summary['problems']:,} ids are {found['names']:,} names with {found['each']} numbers each, "
        f"such as {' and '.join(map(repr, found['such']))}. If they name completions, each counts as a problem, and no "
        "interval or test holds: name the field of the problem with --id FIELD, or leave the number out of the ids."
    ]


def _failed(read: Sequence[Read]) -> list[str]:
    """Warnings about null completions, which count as wrong and unanswered."""
    return [
        f"{one.source.option}: {one.summary['failed']:,} of {one.summary['completions']:,} completions are null: failed "
        "requests. They count as incorrect, without an answer; ask for them again, or leave them out of the file."
        for one in read
        if one.summary["failed"]
    ]


def _same_files(read: Sequence[Read]) -> list[str]:
    seen: dict[str, Read] = {}
    said = []
    for one in read:
        content = repr((one.source.settings(), one.source.parameters.form))
        other = seen.setdefault(content, one)
        if other.source.t != one.source.t:
            both = f"{other.source.option} and {one.source.option}"
            said.append(f"{both} hold the same completions, read in the same way: nothing can differ between them.")
        elif other is not one:
            said.append(f"{other.source.option} is also {one.source.option}: one completion counts as greedy answer and as draw.")
    return said


def _unlike(read: Sequence[Read], single: str) -> list[str]:
    """A warning about models with draws next to models with one completion per problem, taken as the greedy answer."""
    greedy = {one.source.t for one in read if one.source.kind == "greedy"}
    files = [one for one in read if one.source.kind == "file" and one.source.t not in greedy]
    ones, drawn = [one for one in files if is_greedy(one, single)], [one for one in files if not is_greedy(one, single)]
    if not ones or not drawn:
        return []
    several = "; ".join(f"{one.source.model} has {counted(one.summary)} per problem" for one in drawn)
    names = ", ".join(one.source.model for one in ones)
    return [
        f"{several}; {names} {_have(len(ones))} one completion per problem, taken as the greedy answer. The two are not "
        f"compared: pass@1 needs greedy answers of every step (--greedy {drawn[0].source.model}=FILE), or, if the completions of "
        f"{names} are draws too, --single draw."
    ]


def counted(summary: Mapping[str, Any]) -> str:
    """The number of completions per problem: "8 draws", "5 to 8 draws"."""
    few, most = summary["fewest"], summary["most"]
    return f"{most if few == most else f'{few} to {most}'} draw{'' if most == 1 else 's'}"


def notes(read: Sequence[Read], distinct: Mapping[str, Any] | None) -> list[str]:
    """Notes on unused fields, and on why the diversity of right answers was not measured.

    `distinct` is the change of that outcome at the last model, None if there is none.
    """
    said = []
    choices = list(dict.fromkeys(name for one in read for name in one.summary["choices"]))
    if len(choices) > 1:
        said.append(
            f"the verdicts of {choices[0]!r} count; there are also those of {listed(choices[1:], 5)}: --filter NAME chooses"
        )
    unused: dict[str, Sequence[str]] = {name: options for one in read for name, options in one.summary["unused"].items()}
    for name, options in unused.items():
        if options:
            meanings = " or ".join(f"--{what} {name} ({_MEANINGS[what]})" for what in options)
            said.append(f"field {name!r} was not used; if it is meant, name it: {meanings}")
        else:
            said.append(f"field {name!r} was not used: the verdicts are those of the task's grader")
    drawn = [one.summary for one in read if one.source.kind == "file" and not one.single]
    if distinct is not None and distinct["difference"]["value"] is None and drawn:
        problems, most = min(one["problems"] for one in drawn), min(one["most"] for one in drawn)
        needs = f"the diversity of correct answers (D) needs {FEWEST} problems with {MATCHED} correct answers at every step"
        if problems < FEWEST:
            said.append(f"{needs}: there are {problems} problems")
        elif most < 2 * MATCHED:
            few = "too few" if most < MATCHED else f"{'all' if most == MATCHED else MATCHED} of which must be correct"
            said.append(f"{needs}: there are {most} draws per problem, {few}; with more draws it can be measured")
    return said


_MEANINGS = {
    "gold": "the gold answer",
    "answer": "the answer read from the completion",
    "level": "the level",
    "prompt": "the question",
}
