"""`sirev measure`: options and output of the report on imported completions. The code is imported when it is called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sirev.cli.lines import print_lines
from sirev.cli.named_steps import named_step
from sirev.cli.options import StoreOption, UnsafeOption
from sirev.cli.positional import report_words
from sirev.errors import BadInput
from sirev.listing import count_text
from sirev.quoting import as_typed

if TYPE_CHECKING:
    from sirev.api.measure import StepRead


def measure(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What to call the comparison.")],
    step: Annotated[
        list[str],
        typer.Option(
            "--step", metavar="STEP=FILE", help="Samples of a model step, M_1 first: a file, folder or pattern. Repeatable."
        ),
    ],
    greedy: Annotated[
        list[str] | None,
        typer.Option(
            "--greedy", metavar="STEP=FILE", help="Its greedy answers, next to the samples; for all steps or none. Repeatable."
        ),
    ] = None,
    single: Annotated[
        str, typer.Option("--single", metavar="greedy|draw", help="How to treat a single answer per problem.")
    ] = "greedy",
    common: Annotated[bool, typer.Option("--common", help="Use only the problems that every step has.")] = False,
    task: Annotated[
        str | None,
        typer.Option("--task", metavar="TASK", help="Grade by a task, such as gsm8k or jsonl, instead of by the files."),
    ] = None,
    data: Annotated[
        Path | None, typer.Option("--data", metavar="PATH", help="The task's rows: a file or a folder. Default: the Hub.")
    ] = None,
    split: Annotated[str, typer.Option("--split", metavar="test|train|all", help="Split of the task.")] = "test",
    grader: Annotated[str | None, typer.Option("--grader", metavar="NAME", help="Default: the task's own grader.")] = None,
    id_: Annotated[
        str | None,
        typer.Option("--id", metavar="FIELD", help="Field with the problem's id. In any FIELD, {step} is the step's name."),
    ] = None,
    text: Annotated[str | None, typer.Option("--text", metavar="FIELD", help="Field with the answer, or a list of them.")] = None,
    correct: Annotated[
        str | None, typer.Option("--correct", metavar="FIELD", help="Field that says whether the answer is correct.")
    ] = None,
    level: Annotated[str | None, typer.Option("--level", metavar="FIELD", help="Field with the problem's level.")] = None,
    answer: Annotated[
        str | None, typer.Option("--answer", metavar="FIELD", help="Field with the final answer read from the text.")
    ] = None,
    prompt: Annotated[
        str | None, typer.Option("--prompt", metavar="FIELD", help="Field with the problem's text, to display.")
    ] = None,
    gold: Annotated[
        str | None, typer.Option("--gold", metavar="FIELD", help="Field with the correct answer, to display.")
    ] = None,
    reader: Annotated[
        str,
        typer.Option(
            "--reader", metavar="NAME", help="What wrote the files: auto, rows, lm-eval, evalplus, inspect, lighteval or nemo."
        ),
    ] = "auto",
    chosen: Annotated[
        str | None, typer.Option("--filter", metavar="NAME", help="Whose grades to use: the filter, scorer or metric of a log.")
    ] = None,
    answers: Annotated[
        str | None,
        typer.Option("--answers", metavar="KIND", help="What diversity compares: math, code, text or letters."),
    ] = None,
    k: Annotated[str | None, typer.Option("--k", metavar="K,K,...", help="Also give pass@k for these k, such as 1,5,10.")] = None,
    margin: Annotated[
        float | None,
        typer.Option("--margin", metavar="SHARE", help="The largest loss of accuracy that counts as none. Default: 0.03."),
    ] = None,
    diversity_margin: Annotated[
        float | None,
        typer.Option(
            "--diversity-margin", metavar="SHARE", help="The same for diversity, as a share of the first step's. Default: 0.1."
        ),
    ] = None,
    new_margin: Annotated[
        float | None,
        typer.Option("--new-margin", metavar="SHARE", help="How far below luck still counts as within reach. Default: 0.05."),
    ] = None,
    embedding: Annotated[
        str | None,
        typer.Option("--embedding", metavar="ORG/NAME|DIR", help="Also compare answers by this sentence-transformers model."),
    ] = None,
    grader_set: Annotated[
        list[str] | None,
        typer.Option("--grader-set", metavar="KEY=VALUE", help="A setting of the grader, such as seconds=3. Repeatable."),
    ] = None,
    store: StoreOption = None,
    unsafe_code: UnsafeOption = False,
) -> None:
    """Report on samples you already have, one file per model step.

    docs/samples.md describes the files.
    """
    fields = {"id": id_, "text": text, "correct": correct, "level": level, "answer": answer, "prompt": prompt, "gold": gold}
    asked = {"task": task, "data": data, "split": split, "grader": grader}
    options: dict[str, Any] = {"reader": reader, "filter": chosen, "answers": answers, "single": single, "common": common}
    options |= {"k": _numbers(k), "embedding": embedding, "grader_settings": grader_settings(grader_set or [])}
    options |= {"margin": margin, "diversity_margin": diversity_margin, "new_margin": new_margin}
    run(name, step, greedy or [], asked, fields, store, unsafe_code=unsafe_code, **options)


def run(
    name: str,
    steps: Sequence[str],
    greedy: Sequence[str],
    task: dict[str, Any],
    fields: dict[str, str | None],
    store: Path | None,
    **options: Any,
) -> None:
    """Measure, then print a summary of the files, and the screen of `sirev report`."""
    from sirev.api.measure import measure
    from sirev.cli.progress import Progress
    from sirev.reporting.summary import report
    from sirev.store.store import Store

    opened = Store(store)
    named = {field: path for field, path in fields.items() if path is not None}
    with Progress() as progress:
        found = measure(
            name,
            steps=_files("--step", steps),
            greedy=_files("--greedy", greedy),
            fields=named,
            store=opened,
            listener=progress,
            **task,
            **options,
        )
    progress.summary()
    print_lines([*what_was_read(found.read, named), ""])
    report(runs=[found.id], store=opened).print(asked=as_typed(*report_words([name])))


def what_was_read(read: Sequence[StepRead], named: Mapping[str, str]) -> list[str]:
    """Lines about each step: its files, numbers of problems and completions, greedy or draws; then the fields that were read.

    `named`: the fields named by options, shown as given.
    """
    from sirev.study.external.model_files import file_names

    lines = ["Read:"]
    fields: dict[str, list[str]] = {}
    for one in read:
        each = str(one.most) if one.fewest == one.most else f"{one.fewest} to {one.most}"
        taken = "greedy answer" if one.taken == "greedy" else "draw"
        taken += "" if one.most == 1 else "s"
        problems = count_text(one.problems, "problem")
        lines.append(f"  {one.step}: {file_names(one.files)}, {problems}, {each} {taken} per problem")
        used = [named.get(what, at) for what, at in one.fields.items()]
        said = [name if name == what else f"{what} from {name}" for what, name in zip(one.fields, used, strict=True)]
        fields.setdefault(", ".join(said), []).append(one.step)
    if len(fields) == 1:
        return [*lines, f"  fields: {next(iter(fields))}"]
    return [*lines, *(f"  fields of {', '.join(dict.fromkeys(steps))}: {said}" for said, steps in fields.items())]


def _numbers(given: str | None) -> list[int]:
    """The numbers in "1,5,10"; BadInput if it is malformed."""
    try:
        return [int(one) for one in (given or "").split(",") if one.strip()]
    except ValueError:
        raise BadInput(f"--k {given}: expected whole numbers joined by commas, such as 1,5,10") from None


def grader_settings(given: Sequence[str]) -> dict[str, Any]:
    """KEY -> value, read as in a recipe; BadInput if one is malformed."""
    from sirev.recipe.yaml_reading import parse_yaml

    found = {}
    for one in given:
        key, equals, value = one.partition("=")
        if not (key and equals):
            raise BadInput(f"--grader-set {one}: expected KEY=VALUE")
        found[key] = parse_yaml(value)
    return found


def _files(option: str, given: Sequence[str]) -> dict[str, list[str]]:
    """Step -> its files, in the given order; a repeated step has several files."""
    files: dict[str, list[str]] = {}
    for one in given:
        step, file = named_step(option, one, "FILE")
        files.setdefault(step, []).append(file)
    return files
