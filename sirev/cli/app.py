"""Options of the commands of `sirev`. The work is imported when a command is called: nothing heavy before it is needed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sirev.cli import completion
from sirev.cli.commands import SETTINGS, Command, Group, examples
from sirev.cli.measure import measure
from sirev.cli.options import (
    FormatOption,
    LookOption,
    MethodsOption,
    ModelOption,
    NullCountOption,
    NullOption,
    OverlayOption,
    RatesOption,
    RecipeArgument,
    RecipeOption,
    RedoOption,
    RemoteOption,
    RunArgument,
    SeedsOption,
    SetOption,
    StoreOption,
    UnsafeOption,
)
from sirev.cli.positional import one_recipe, recipe_and_step, section_and_recipes
from sirev.cli.store.app import app as store_app
from sirev.printing import out

app = typer.Typer(
    name="sirev",
    cls=Group,
    help="Did a self-improving language model make progress or regress?",
    epilog=examples("sirev iterate tiny", "sirev report", "sirev iterate gsm8k --model Qwen/Qwen2.5-1.5B --overlay 24gb"),
    context_settings=SETTINGS,
    no_args_is_help=True,
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

        out(f"sirev {__version__}")
        raise typer.Exit


@app.command(
    cls=Command,
    epilog=examples(
        "sirev iterate tiny",
        "sirev iterate gsm8k --model Qwen/Qwen2.5-1.5B --method sft --seed 0 --seed 1",
    ),
)
def iterate(
    recipe: RecipeArgument = None,
    recipe_option: RecipeOption = None,
    model: ModelOption = None,
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
    """Run the self-improvement loop; cached steps are reused.

    Trains M_1 .. M_T by each method of the recipe, evaluates every model, and ends with the verdicts. An interrupted run
    continues where it stopped.
    """
    from sirev.api.request import Request
    from sirev.cli.iterate import run

    request = Request.of(
        one_recipe("iterate", recipe, recipe_option),
        model=model,
        methods=method,
        overrides=overrides or (),
        seeds=seed or (0,),
        store=store,
        redo=redo or (),
        overlays=overlay or (),
        unsafe_code=unsafe_code,
        nulls=null or (),
        null_count=null_count,
    )
    run(request, remote)


@app.command(
    cls=Command,
    epilog=examples("sirev plan tiny", "sirev plan gsm8k --model Qwen/Qwen2.5-1.5B --overlay 24gb"),
)
def plan(
    recipe: RecipeArgument = None,
    recipe_option: RecipeOption = None,
    model: ModelOption = None,
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
    gpu_memory: Annotated[
        float | None, typer.Option("--gpu-memory", metavar="GB", help="Does it fit on a GPU with this much memory?", min=1)
    ] = None,
    steps: Annotated[bool, typer.Option("--steps", help="List every step of every run.")] = False,
    form: LookOption = "table",
) -> None:
    """Show how much is cached, and what the rest takes.

    Estimates hours, memory and disk, and whether it fits on the GPU. Runs nothing.
    """
    from sirev.api.request import Request
    from sirev.cli.plan import run

    request = Request.of(
        one_recipe("plan", recipe, recipe_option),
        model=model,
        methods=method,
        overrides=overrides or (),
        seeds=seed or (0,),
        store=store,
        redo=redo or (),
        overlays=overlay or (),
        unsafe_code=unsafe_code,
        nulls=null or (),
        null_count=null_count,
    )
    run(request, overlay or (), rates or (), gpu_memory, steps, form)


@app.command(cls=Command, epilog=examples("sirev why tiny", "sirev why tiny 2:train --set training.sft.learning_rate=1e-3"))
def why(
    recipe: RecipeArgument = None,
    step: Annotated[
        str | None,
        typer.Argument(metavar="STEP", help="A step (2:train), a stage (train) or a t (2). Default: the first misses."),
    ] = None,
    recipe_option: RecipeOption = None,
    model: ModelOption = None,
    method: MethodsOption = None,
    overrides: SetOption = None,
    seed: SeedsOption = None,
    store: StoreOption = None,
    overlay: OverlayOption = None,
    null: NullOption = None,
    null_count: NullCountOption = 3,
    form: LookOption = "table",
) -> None:
    """Explain why each step is cached or would be recomputed.

    Of a step that would be recomputed, shows how it differs from the nearest one in the store.
    """
    from sirev.api.request import Request
    from sirev.cli.why import run

    named, which = recipe_and_step("why", [word for word in (recipe, step) if word is not None], recipe_option)
    request = Request.of(
        named,
        model=model,
        methods=method,
        overrides=overrides or (),
        seeds=seed or (0,),
        store=store,
        overlays=overlay or (),
        nulls=null or (),
        null_count=null_count,
    )
    run(request, which, form)


@app.command(
    cls=Command,
    epilog=examples("sirev doctor", "sirev doctor gsm8k --model Qwen/Qwen2.5-1.5B --overlay 24gb"),
)
def doctor(
    recipe: RecipeArgument = None,
    recipe_option: RecipeOption = None,
    model: ModelOption = None,
    overrides: SetOption = None,
    store: StoreOption = None,
    overlay: OverlayOption = None,
    verbose: Annotated[bool, typer.Option("--verbose", help="List the version of each required package.")] = False,
    form: LookOption = "table",
) -> int:
    """Check whether this machine can run sirev, or a given recipe.

    Looks at Python, packages, GPU, vLLM, models and data. Exits with 1 if the recipe can't run here.
    """
    from sirev.cli.doctor import run

    asked = (model, overrides, overlay)
    named = one_recipe("doctor", recipe, recipe_option) if recipe or recipe_option or any(asked) else None
    return run(named, _overrides(model, overrides), store, overlay or [], verbose, form)


@app.command(
    cls=Command,
    epilog=examples(
        "sirev report",
        "sirev report diversity tiny",
        "sirev report html tiny --output tiny.html",
        "sirev report --run tiny-sft-s0",
    ),
)
def report(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="SECTION|RECIPE",
            help="A section, recipes, or both. Default: one screen about the last iterate.",
            autocompletion=completion.sections_and_recipes,
        ),
    ] = None,
    recipe: Annotated[
        list[str] | None,
        typer.Option(
            "--recipe",
            metavar="NAME",
            help="A recipe, also one called like a section. Repeatable.",
            autocompletion=completion.run_recipes,
        ),
    ] = None,
    model: Annotated[
        str | None, typer.Option("--model", metavar="ORG/NAME|DIR", help="The model that the recipe was run with.")
    ] = None,
    method: Annotated[
        list[str] | None,
        typer.Option(
            "--method",
            metavar="METHOD",
            help="Only this method. Repeatable.",
            autocompletion=completion.words(completion.METHOD_WORDS),
        ),
    ] = None,
    run: Annotated[
        list[str] | None,
        typer.Option(
            "--run",
            metavar="ID",
            help="A run, or all with these 8 digits of settings. Repeatable.",
            autocompletion=completion.runs,
        ),
    ] = None,
    form: Annotated[
        str,
        typer.Option(
            "--format",
            metavar="FORMAT",
            help="table, markdown, csv, json or latex.",
            autocompletion=completion.words(completion.FORMAT_WORDS),
        ),
    ] = "table",
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE|DIR", help="Where to write html (a file) or figures (a folder)."),
    ] = None,
    against: Annotated[
        str | None, typer.Option("--against", metavar="paper", help="Show the paper's numbers next to yours.")
    ] = None,
    draws: Annotated[
        int, typer.Option("--draws", metavar="N", min=0, help="Samples per problem to include in the HTML page.")
    ] = 8,
    store: StoreOption = None,
) -> int:
    """Show results: progress or regress, and what pass@1 hides.

    Reads the store alone; nothing is run.

    \b
    Sections (without one: one screen):
      all        every table
      verdict    progress or regress, with the evidence
      null       the control runs of --null
      accuracy   pass@1 and majority vote
      pass-n     pass@N, and where its curves cross
      diversity  how different the answers are
      ood        accuracy on other problems
      coverage   what the first model can solve already
      training   the training runs: examples, tokens, loss
      html       one page with figures, tables and answers, to --output
      figures    the figures as SVG, PDF and PNG, to --output
    """
    from sirev.cli.report import run as show

    section, recipes = section_and_recipes(words or [], recipe or [], model, store)
    return show(section, recipes, method or [], run or [], form, store, output, against, draws)


app.command(
    cls=Command,
    epilog=examples(
        "sirev measure mine --step base=base.jsonl --step tuned=tuned.jsonl",
        "sirev measure mine --step M1=m1.jsonl --step M2=m2.jsonl --task gsm8k",
    ),
)(measure)


@app.command(cls=Command, epilog=examples("sirev regrade mistral_gsm8k-sft-s0 --set evaluation.grader=gsm8k_flexible"))
def regrade(
    run: RunArgument,
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY.SUB=VALUE", help="Another grader, such as evaluation.grader=exact. Repeatable."),
    ] = None,
    form: FormatOption = "table",
    store: StoreOption = None,
    unsafe_code: UnsafeOption = False,
) -> None:
    """Grade a run's answers again and list the grades that change.

    Models, answers and the run itself stay as they are.
    """
    from sirev.cli.regrade import run as show

    show(run, overrides or [], form, store, unsafe_code)


@app.command(cls=Command, epilog=examples("sirev grade answers.jsonl --grader math --gold solution_answer"))
def grade(
    file: Annotated[str, typer.Argument(metavar="FILE", help="Answers with the correct ones beside them: a file or pattern.")],
    grader: Annotated[
        str | None, typer.Option("--grader", metavar="NAME", help="Default: the one that fits the correct answers.")
    ] = None,
    id_: Annotated[str | None, typer.Option("--id", metavar="FIELD", help="Field with the problem's id.")] = None,
    text: Annotated[str | None, typer.Option("--text", metavar="FIELD", help="Field with the answer, or a list of them.")] = None,
    gold: Annotated[str | None, typer.Option("--gold", metavar="FIELD", help="Field with the correct answer.")] = None,
    reader: Annotated[
        str, typer.Option("--reader", metavar="NAME", help="What wrote the file, such as lm-eval. Default: auto.")
    ] = "auto",
    grader_set: Annotated[
        list[str] | None,
        typer.Option("--grader-set", metavar="KEY=VALUE", help="A setting of the grader, such as seconds=3. Repeatable."),
    ] = None,
    form: FormatOption = "table",
) -> None:
    """Grade the answers of a file, and say what was read in each.

    Nothing is stored. Answers to the problems of a task are graded by `sirev measure --task`.
    """
    from sirev.cli.grade import run as show
    from sirev.cli.measure import grader_settings

    fields = {name: path for name, path in {"id": id_, "text": text, "gold": gold}.items() if path is not None}
    show(file, grader, fields, reader, grader_settings(grader_set or []), form)


@app.command(cls=Command, epilog=examples("sirev recipes", "sirev recipes mistral_gsm8k --overlay 24gb > mine.yaml"))
def recipes(
    recipe: RecipeArgument = None,
    model: ModelOption = None,
    overrides: SetOption = None,
    overlay: OverlayOption = None,
    form: LookOption = "table",
) -> None:
    """List the recipes, or show one with every setting filled in.

    What is shown is itself a recipe: save it, change it, and pass the file to `sirev iterate`.
    """
    from sirev.cli.recipes import list_recipes, show_recipe

    if recipe is None:
        list_recipes(form)
    else:
        show_recipe(recipe, _overrides(model, overrides), overlay or [], form)


def _overrides(model: str | None, overrides: list[str] | None) -> list[str]:
    """What `--model` and `--set` say, as overrides."""
    if model is None:
        return overrides or []
    from sirev.recipe.overrides import with_model  # pydantic; `sirev --help` has no use for it

    return with_model(model, overrides or [])
