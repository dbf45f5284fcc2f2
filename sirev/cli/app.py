"""The commands of `sirev` and their options. A command's code is imported when it is called, to keep start-up light."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

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
    PlannedGpuOption,
    PlanOption,
    PushOption,
    RatesOption,
    RecipeArgument,
    RecipeOption,
    RedoOption,
    RemoteOption,
    RunArgument,
    ScratchOption,
    SeedsOption,
    SetOption,
    StoreOption,
    TrackerOption,
    TrackOption,
    UnsafeOption,
    check_format,
    refuse,
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
    push: PushOption = False,
    until: Annotated[
        int | None, typer.Option("--until", metavar="T", help="Stop once M_T is measured; run again without it to continue.")
    ] = None,
    scratch: ScratchOption = None,
    track: TrackOption = None,
) -> None:
    """Run the self-improvement loop; cached steps are reused.

    Trains M_1 .. M_T with each method of the recipe, evaluates every model, and ends with the verdicts. An interrupted run
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
    run(request, remote, push, until, scratch, track)


@app.command(
    cls=Command,
    epilog=examples(
        "sirev plan tiny", "sirev plan mistral_mbpp --gpu a100", "sirev plan gsm8k --model Qwen/Qwen2.5-1.5B --overlay 24gb"
    ),
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
    gpu: Annotated[
        str | None,
        typer.Option(
            "--gpu", metavar="NAME", help="Plan for this GPU: h100, a100, l40s, 4090 and others.", autocompletion=completion.gpus
        ),
    ] = None,
    gpu_memory: Annotated[
        float | None, typer.Option("--gpu-memory", metavar="GB", help="Does it fit on a GPU with this much memory?", min=1)
    ] = None,
    steps: Annotated[bool, typer.Option("--steps", help="List every step of every run.")] = False,
    form: LookOption = "table",
) -> None:
    """Show how much is cached, and how long the rest takes.

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
    run(request, overlay or (), rates or (), gpu, gpu_memory, steps, form)


@app.command(
    cls=Command,
    epilog=examples(
        "sirev sweep grid.yaml --plan",
        "sirev sweep grid.yaml --on ray",
        "sirev sweep grid.yaml --on slurm --slurm partition=a100,time=12:00:00",
        "sirev sweep grid.yaml --status",
    ),
)
def sweep(
    grid: Annotated[Path, typer.Argument(metavar="GRID", help="A YAML file of recipes, methods, seeds and settings.")],
    on: Annotated[
        str | None,
        typer.Option(
            "--on",
            metavar="here|ray|slurm",
            help="On this machine in turn, or side by side on Ray or Slurm. Default: ray where there are several GPUs.",
        ),
    ] = None,
    plan_only: PlanOption = False,
    status: Annotated[bool, typer.Option("--status", help="Show the progress of each run and segment; run nothing.")] = False,
    cancel: Annotated[bool, typer.Option("--cancel", help="Cancel the sweep's jobs on Slurm; run nothing.")] = False,
    store: StoreOption = None,
    remote: RemoteOption = None,
    push: PushOption = False,
    scratch: ScratchOption = None,
    track: TrackOption = None,
    retries: Annotated[
        int, typer.Option("--retries", metavar="N", help="How many times to restart a segment whose worker or job died.", min=0)
    ] = 3,
    slurm: Annotated[
        list[str] | None,
        typer.Option("--slurm", metavar="KEY=VALUE,...", help="Options of sbatch, with --on slurm. Repeatable."),
    ] = None,
    at_most: Annotated[
        int | None,
        typer.Option("--at-most", metavar="N", help="Maximum number of jobs at a time, with --on slurm.", min=1),
    ] = None,
    gpu: PlannedGpuOption = None,
    rates: RatesOption = None,
    unsafe_code: UnsafeOption = False,
    form: LookOption = "table",
) -> None:
    """Run a grid of studies, each shared step once.

    Every recipe of the grid is run with each method, each seed and each combination of settings. Steps that runs share, such
    as M_1, are one segment, which is computed once; segments run one after the other, or side by side on a Ray cluster or
    on Slurm.
    """
    from sirev.cli.sweep import EngineOptions, compute, open_sweep, plan_of, show_plan, show_status
    from sirev.cli.sweep import cancel as cancel_sweep

    check_format(form)
    engine = EngineOptions(on, retries, slurm or (), at_most)
    engine.settings()
    made = open_sweep(grid, store, remote, push, scratch, unsafe_code, track)
    if status:
        show_status(made, form)
    elif cancel:
        cancel_sweep(made)
    elif plan_only:
        show_plan(plan_of(made, gpu, rates or ()), form)
    else:
        compute(plan_of(made, gpu, rates or ()), engine)


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

    For a step that would be recomputed, shows how it differs from the nearest one in the store.
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
    epilog=examples(
        "sirev doctor", "sirev doctor gsm8k --model Qwen/Qwen2.5-1.5B --overlay 24gb", "sirev doctor mistral_mbpp --gpu-check"
    ),
)
def doctor(
    recipe: RecipeArgument = None,
    recipe_option: RecipeOption = None,
    model: ModelOption = None,
    overrides: SetOption = None,
    store: StoreOption = None,
    overlay: OverlayOption = None,
    verbose: Annotated[bool, typer.Option("--verbose", help="List the version of each required package.")] = False,
    gpu_check: Annotated[
        bool,
        typer.Option("--gpu-check", help="Train and sample on the GPU for a few minutes, and measure it."),
    ] = False,
    full: Annotated[bool, typer.Option("--full", help="With --gpu-check: also a full run of a small pretrained model.")] = False,
    device: Annotated[
        str | None, typer.Option("--device", metavar="cuda|cpu", help="With --gpu-check: what to check. Default: cuda.")
    ] = None,
    form: LookOption = "table",
) -> int:
    """Check whether this machine can run sirev, or a given recipe.

    Looks at Python, packages, GPU, vLLM, models and data. Exits with 1 if the recipe can't run here, or if a check of the GPU
    failed.
    """
    from sirev.cli.doctor import run

    asked = (model, overrides, overlay)
    named = one_recipe("doctor", recipe, recipe_option) if recipe or recipe_option or any(asked) else None
    if gpu_check:
        from sirev.cli.gpu_check import run as check_gpu

        refuse({"--store": store, "--verbose": verbose}, "not with --gpu-check")
        return check_gpu(named, _overrides(model, overrides), overlay or [], device or "cuda", full, form)
    refuse({"--full": full, "--device": device}, "only with --gpu-check")
    return run(named, _overrides(model, overrides), store, overlay or [], verbose, form)


@app.command(
    cls=Command,
    epilog=examples(
        "sirev report",
        "sirev report diversity tiny",
        "sirev report html tiny --output tiny.html",
        "sirev report --run tiny-sft-s0",
        "sirev report --sweep grid.yaml",
        "sirev report methods tiny --output methods.tex",
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
            help="A recipe, even one named like a section. Repeatable.",
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
            help="A run, or the 8 digits of settings that several runs share. Repeatable.",
            autocompletion=completion.runs,
        ),
    ] = None,
    form: Annotated[
        str,
        typer.Option(
            "--format",
            metavar="FORMAT",
            help="table, markdown, csv, json, latex, or latex-column, whose tables fit a column of two.",
            autocompletion=completion.words(completion.FORMAT_WORDS),
        ),
    ] = "table",
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE|DIR|URL",
            help="Where to write html (a file, or a Space on the Hub: hf://spaces/ORG/NAME), checklist or methods (a file), or "
            "figures (a folder).",
        ),
    ] = None,
    against: Annotated[
        str | None, typer.Option("--against", metavar="paper", help="Show the paper's numbers next to yours.")
    ] = None,
    sweep: Annotated[
        Path | None, typer.Option("--sweep", metavar="GRID", help="Report on a grid of `sirev sweep`: its YAML file.")
    ] = None,
    draws: Annotated[
        int, typer.Option("--draws", metavar="N", min=0, help="Samples per problem to include in the HTML page.")
    ] = 8,
    store: StoreOption = None,
    unsafe_code: Annotated[
        bool, typer.Option("--allow-unsafe-code", help="With --sweep: the sweep was run with this option.")
    ] = False,
) -> int:
    """Show results: progress or regress, and what pass@1 hides.

    Only reads the store; nothing is run.

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
      checklist  NeurIPS's checklist as Markdown, from what was recorded
      methods    the methods as LaTeX; with --output also their BibTeX
    """
    from sirev.cli.report import run as show

    section, recipes = section_and_recipes(words or [], recipe or [], model, store)
    return show(section, recipes, method or [], run or [], form, store, output, against, draws, sweep, unsafe_code)


@app.command(
    cls=Command,
    epilog=examples(
        "sirev evaluate mine --task gsm8k --step base=ORG/NAME --step tuned=FOLDER",
        "sirev evaluate mine --task mbpp --step sft=ADAPTER@ORG/BASE",
        "sirev evaluate mine --task math --steps 'ORG/NAME@step-*'",
    ),
)
def evaluate(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What to call the comparison.")],
    step: Annotated[
        list[str] | None,
        typer.Option(
            "--step",
            metavar="STEP=MODEL",
            help="A model, the baseline first: ORG/NAME[@REVISION] or a folder, with @BASE after an adapter. Repeatable.",
        ),
    ] = None,
    steps: Annotated[
        list[str] | None,
        typer.Option("--steps", metavar="ORG/NAME@PATTERN", help="Further models: branches and tags that match. Repeatable."),
    ] = None,
    task: Annotated[
        str | None,
        typer.Option("--task", metavar="TASK", help="What to ask: gsm8k, math, mbpp, csqa, arc, humaneval_plus or another."),
    ] = None,
    recipe: Annotated[
        str | None,
        typer.Option(
            "--recipe", metavar="NAME|FILE", help="What to ask: the evaluation of a recipe.", autocompletion=completion.recipes
        ),
    ] = None,
    overrides: SetOption = None,
    overlay: OverlayOption = None,
    chat: Annotated[
        str, typer.Option("--chat", metavar="auto|always|never", help="Use chat templates: auto where a model has one.")
    ] = "auto",
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="Seed of the draws.", min=0)] = 0,
    store: StoreOption = None,
    remote: RemoteOption = None,
    unsafe_code: UnsafeOption = False,
    plan_only: PlanOption = False,
    gpu: PlannedGpuOption = None,
    rates: RatesOption = None,
) -> None:
    """Compare models that you or others trained.

    Each model is asked what the models of a loop are asked, and compared with the first. Answers in the store are used again.
    """
    from sirev.cli.evaluate import print_plan, run

    options: dict[str, Any] = {
        "task": task,
        "recipe": recipe,
        "overrides": overrides or (),
        "overlays": overlay or (),
        "chat": chat,
        "seed": seed,
        "store": store,
        "unsafe_code": unsafe_code,
    }
    if plan_only:
        refuse({"--remote": remote}, "not with --plan, which asks the store of this machine only")
        print_plan(name, step or [], steps or [], gpu, rates or (), **options)
    else:
        refuse({"--gpu": gpu, "--rate": rates}, "only with --plan")
        run(name, step or [], steps or [], remote, **options)


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


@app.command(
    "export-logs",
    cls=Command,
    epilog=examples("sirev export-logs tiny-sft-s0 --to inspect", "sirev export-logs tiny-sft-s0 --to lm-eval --kind draws"),
)
def export_logs(
    run: RunArgument,
    to: Annotated[
        str,
        typer.Option(
            "--to", metavar="inspect|lm-eval", help="Format of the logs.", autocompletion=completion.words(("inspect", "lm-eval"))
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="The folder to write them into.")] = Path("logs"),
    kind: Annotated[
        list[str] | None,
        typer.Option("--kind", metavar="KIND", help="Only draws, greedy, a suite, SUITE/draws or train. Repeatable."),
    ] = None,
    store: StoreOption = None,
    form: LookOption = "table",
) -> None:
    """Write a run's graded answers as logs for other tools.

    One log per model and kind of answers, for `inspect view` and inspect_ai's data frames, or in lm-evaluation-harness's
    format.
    """
    from sirev.cli.export_logs import run as write

    write(run, to, output, kind or [], store, form)


@app.command(cls=Command, epilog=examples("sirev grade answers.jsonl --grader math --gold solution_answer"))
def grade(
    file: Annotated[str, typer.Argument(metavar="FILE", help="Answers with the correct ones next to them: a file or pattern.")],
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
    """Grade the answers in a file, and show how each was read.

    Nothing is stored. Answers to the problems of a task are graded by `sirev measure --task`.
    """
    from sirev.cli.grade import run as show
    from sirev.cli.measure import grader_settings

    fields = {name: path for name, path in {"id": id_, "text": text, "gold": gold}.items() if path is not None}
    show(file, grader, fields, reader, grader_settings(grader_set or []), form)


@app.command(
    cls=Command,
    epilog=examples("sirev track tiny-sft-s0 --track trackio", "sirev track tiny-sft-s0 --track wandb:my-project"),
)
def track(
    run: RunArgument,
    track: TrackerOption = None,
    store: StoreOption = None,
    again: Annotated[bool, typer.Option("--again", help="Send what was sent before, too.")] = False,
) -> None:
    """Send a finished run to a tracker.

    Its training curves, the measures and the headline of every M_t, and its page where the tracker holds files. During a run
    `sirev iterate --track` does it.
    """
    from sirev.cli.track import run as send

    send(run, track, store, again)


@app.command(
    cls=Command,
    epilog=examples(
        "sirev recipes",
        "sirev recipes mistral_gsm8k --overlay 24gb > mine.yaml",
        "sirev recipes --schema > recipe.schema.json",
    ),
)
def recipes(
    recipe: RecipeArgument = None,
    model: ModelOption = None,
    overrides: SetOption = None,
    overlay: OverlayOption = None,
    schema: Annotated[
        bool, typer.Option("--schema", help="Show a JSON schema of recipes, with which editors complete and check them.")
    ] = False,
    form: LookOption = "table",
) -> None:
    """List the recipes, or show one with every setting filled in.

    The output is itself a recipe: save it, change it, and pass the file to `sirev iterate`.
    """
    from sirev.cli.recipes import list_recipes, show_recipe, show_schema

    if schema:
        refuse({"RECIPE": recipe, "--model": model, "--set": overrides, "--overlay": overlay}, "not with --schema")
        show_schema(form)
    elif recipe is None:
        list_recipes(form)
    else:
        show_recipe(recipe, _overrides(model, overrides), overlay or [], form)


def _overrides(model: str | None, overrides: list[str] | None) -> list[str]:
    """`--model` and `--set` as overrides."""
    if model is None:
        return overrides or []
    from sirev.recipe.overrides import with_model  # pydantic, which `sirev --help` does not need

    return with_model(model, overrides or [])
