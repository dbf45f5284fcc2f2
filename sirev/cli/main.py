"""The `sirev` command: thin commands over what `import sirev` offers. Nothing heavy is imported before it is needed."""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from sirev.cli.options import (
    FormatOption,
    LookOption,
    MethodsOption,
    NullCountOption,
    NullOption,
    OverlayOption,
    RatesOption,
    RecipeOption,
    RedoOption,
    RemoteOption,
    SeedsOption,
    SetOption,
    StoreOption,
    UnsafeOption,
)
from sirev.cli.output import complaint, spell_out_what_is_lacking
from sirev.cli.store.app import app as store_app
from sirev.errors import BadInput, SirevError

# Imports make many objects and hardly any garbage: at the usual threshold a replay spends 5 % of its time looking for some.
gc.set_threshold(100_000)

app = typer.Typer(
    name="sirev",
    help="Did a self-improving language model make progress or regress?",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(store_app, name="store")


@app.callback(invoke_without_command=True)
def root(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Show the version and exit.")] = False,
) -> None:
    if version:
        from sirev import __version__

        typer.echo(f"sirev {__version__}")
        raise typer.Exit


@app.command()
def iterate(
    recipe: RecipeOption,
    method: MethodsOption = None,
    overrides: SetOption = None,
    seed: SeedsOption = None,
    store: StoreOption = None,
    redo: RedoOption = None,
    overlay: OverlayOption = None,
    unsafe_code: UnsafeOption = False,
    null: NullOption = None,
    null_count: NullCountOption = 3,
    remote: RemoteOption = None,
) -> None:
    """Run Algorithm 1; whatever the store holds already is not computed again."""
    from sirev.cli.iterate import run

    asked = (recipe, method, overrides or [], seed or [0], store, redo or [], overlay or [], unsafe_code)
    run(*asked, null or [], null_count, remote)


@app.command()
def plan(
    recipe: RecipeOption,
    method: MethodsOption = None,
    overrides: SetOption = None,
    seed: SeedsOption = None,
    store: StoreOption = None,
    redo: RedoOption = None,
    overlay: OverlayOption = None,
    rates: RatesOption = None,
    unsafe_code: UnsafeOption = False,
    null: NullOption = None,
    null_count: NullCountOption = 3,
) -> None:
    """Run nothing; list each step as hit, run, or unknown until an earlier one has run, and estimate what it takes."""
    from sirev.cli.plan import run

    run(
        recipe,
        method,
        overrides or [],
        seed or [0],
        store,
        redo or [],
        overlay or [],
        rates or [],
        unsafe_code,
        null or [],
        null_count,
    )


@app.command()
def why(
    recipe: RecipeOption,
    which: Annotated[
        str | None, typer.Argument(metavar="[STEP|STAGE|T]", help="Such as train:2, train or 2. Default: the first misses.")
    ] = None,
    method: MethodsOption = None,
    overrides: SetOption = None,
    seed: SeedsOption = None,
    store: StoreOption = None,
    overlay: OverlayOption = None,
    null: NullOption = None,
    null_count: NullCountOption = 3,
    form: LookOption = "table",
) -> None:
    """Say of each step whether the store has it, and if not, what differs from the nearest one that it has."""
    from sirev.cli.why import run

    run(recipe, which, method, overrides or [], seed or [0], store, overlay or [], null or [], null_count, form)


@app.command()
def doctor(
    recipe: Annotated[str | None, typer.Option("--recipe", metavar="NAME|FILE", help="Can this recipe run here?")] = None,
    overrides: SetOption = None,
    store: StoreOption = None,
    overlay: OverlayOption = None,
) -> int:
    """Look at this machine: Python, packages, GPU, vLLM, models and data; exit 1 if the recipe can't run."""
    from sirev.cli.doctor import run

    return run(recipe, overrides or [], store, overlay or [])


@app.command()
def report(
    section: Annotated[
        str | None,
        typer.Argument(
            metavar="[all|verdict|null|accuracy|pass-n|diversity|ood|coverage|training|html|figures]",
            help="Default: one screen. html and figures are written to --output.",
        ),
    ] = None,
    recipe: Annotated[
        list[str] | None, typer.Option("--recipe", metavar="NAME", help="Default: the last iterate. Repeatable.")
    ] = None,
    method: Annotated[list[str] | None, typer.Option("--method", metavar="METHOD", help="Only this method. Repeatable.")] = None,
    run: Annotated[
        list[str] | None, typer.Option("--run", metavar="ID", help="A run, or all with these 8 digits of settings. Repeatable.")
    ] = None,
    form: Annotated[str, typer.Option("--format", metavar="table|markdown|csv|json|latex", help="How to print it.")] = "table",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE|DIR", help="Where html or figures are written.")
    ] = None,
    against: Annotated[
        str | None, typer.Option("--against", metavar="paper", help="Put the paper's published numbers beside one's own.")
    ] = None,
    draws: Annotated[int, typer.Option("--draws", metavar="N", min=0, help="Draws a problem that html lets one look at.")] = 8,
    store: StoreOption = None,
) -> int:
    """Progress or regress? And what pass@1 hides, from the store alone."""
    from sirev.cli.report import run as show

    return show(section, recipe or [], method or [], run or [], form, store, output, against, draws)


@app.command()
def measure(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What to call the comparison.")],
    step: Annotated[
        list[str],
        typer.Option(
            "--step", metavar="STEP=FILE", help="Completions of a model step, M_1 first: a file, folder or pattern. Repeatable."
        ),
    ],
    greedy: Annotated[
        list[str] | None,
        typer.Option(
            "--greedy", metavar="STEP=FILE", help="Its greedy answers, beside draws; for all steps or none. Repeatable."
        ),
    ] = None,
    single: Annotated[
        str, typer.Option("--single", metavar="greedy|draw", help="What one completion per problem is.")
    ] = "greedy",
    common: Annotated[
        bool, typer.Option("--common", help="Compare the problems that every step has, where some lack a few.")
    ] = False,
    task: Annotated[
        str | None, typer.Option("--task", metavar="gsm8k|math|mbpp|csqa|jsonl", help="Grade by this task, not by the files.")
    ] = None,
    data: Annotated[
        Path | None, typer.Option("--data", metavar="PATH", help="The task's rows: a file or a folder. Default: the Hub.")
    ] = None,
    split: Annotated[str, typer.Option("--split", metavar="test|train", help="Of the task.")] = "test",
    grader: Annotated[str | None, typer.Option("--grader", metavar="NAME", help="Default: the task's own.")] = None,
    id_: Annotated[
        str | None, typer.Option("--id", metavar="FIELD", help="The problem. In every FIELD, {step} is the step's name.")
    ] = None,
    text: Annotated[str | None, typer.Option("--text", metavar="FIELD", help="The completion; may be a list.")] = None,
    correct: Annotated[str | None, typer.Option("--correct", metavar="FIELD", help="Whether it is right.")] = None,
    level: Annotated[str | None, typer.Option("--level", metavar="FIELD", help="The problem's level.")] = None,
    answer: Annotated[str | None, typer.Option("--answer", metavar="FIELD", help="What was read from the completion.")] = None,
    prompt: Annotated[str | None, typer.Option("--prompt", metavar="FIELD", help="The problem, to show.")] = None,
    gold: Annotated[str | None, typer.Option("--gold", metavar="FIELD", help="The gold answer, to show.")] = None,
    reader: Annotated[str, typer.Option("--reader", metavar="auto|rows|lm-eval|evalplus", help="What wrote the files.")] = "auto",
    chosen: Annotated[
        str | None, typer.Option("--filter", metavar="NAME", help="Whose verdicts count, of an lm-eval log with several.")
    ] = None,
    answers: Annotated[
        str | None, typer.Option("--answers", metavar="math|code|text|letters", help="What diversity compares.")
    ] = None,
    store: StoreOption = None,
    unsafe_code: UnsafeOption = False,
) -> None:
    """The whole report for completions that you have already, a file for each model step."""
    from sirev.cli.measure import run

    fields = {"id": id_, "text": text, "correct": correct, "level": level, "answer": answer, "prompt": prompt, "gold": gold}
    asked = {"task": task, "data": data, "split": split, "grader": grader}
    options = {"reader": reader, "filter": chosen, "answers": answers, "single": single, "common": common}
    run(name, step, greedy or [], asked, fields, store, unsafe_code=unsafe_code, **options)


@app.command()
def regrade(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run's id; its beginning will do.")],
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY.SUB=VALUE", help="Another grader, such as evaluation.grader=exact. Repeatable."),
    ] = None,
    form: FormatOption = "table",
    store: StoreOption = None,
    unsafe_code: UnsafeOption = False,
) -> None:
    """Grade a run's answers anew, models held fixed, and list which verdicts flip."""
    from sirev.cli.regrade import run as show

    show(run, overrides or [], form, store, unsafe_code)


@app.command()
def recipes(
    name: Annotated[str | None, typer.Argument(metavar="[NAME|FILE]", help="Show every setting of this recipe.")] = None,
    overrides: SetOption = None,
    overlay: OverlayOption = None,
) -> None:
    """List the recipes that come with sirev, or show one with every setting filled in."""
    from sirev.cli.recipes import ls, show

    if name is None:
        ls()
    else:
        show(name, overrides or [], overlay or [])


def main() -> None:
    """Entry point: 0, 1 where a stage failed, 2 for bad input, 130 when interrupted."""
    status: int
    spell_out_what_is_lacking()
    try:
        status = app(standalone_mode=False) or 0
        sys.stdout.flush()
    except SirevError as error:
        for line in str(error).splitlines():
            print(f"sirev: {'error' if isinstance(error, BadInput) else 'failed'}: {line}", file=sys.stderr)
        status = error.exit_status
    except KeyboardInterrupt:
        status = 130
    except BrokenPipeError:  # `sirev report | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        status = 0
    except OSError as error:  # `sirev report > FILE` on a full disk
        if (said := complaint(error)) is None:
            raise
        print(f"sirev: failed: {said}", file=sys.stderr)
        status = 1
    except Exception as error:
        if not hasattr(error, "format_message"):  # Typer's own complaints about options
            raise
        helping = type(error).__name__ == "NoArgsIsHelpError"  # `sirev` alone: its message is the whole help
        print(f"{'' if helping else 'sirev: error: '}{error.format_message()}", file=sys.stderr)
        status = 2
    if status == 130:
        print("sirev: interrupted; the same command goes on from here", file=sys.stderr)
    _leave(status)


def _leave(status: int) -> NoReturn:
    """End the process without taking it apart piece by piece, which takes a replay a sixth of its time."""
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:  # nobody reads the output any more
        pass
    os._exit(status)
