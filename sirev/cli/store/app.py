"""The commands of `sirev store` and their options. A command's code is imported when it is called."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sirev.cli import completion
from sirev.cli.commands import SETTINGS, Command, Group, examples
from sirev.cli.options import LookOption, RunArgument, StoreOption

app = typer.Typer(
    cls=Group,
    help="Inspect, check, clean up and share the store.",
    epilog=examples("sirev store ls", "sirev store verify", "sirev store export tiny tiny.tar.zst"),
    context_settings=SETTINGS,
    no_args_is_help=True,
    rich_markup_mode=None,
)

KeepModels = Annotated[
    str | None,
    typer.Option("--keep-models", metavar="all|last|best|none", help="Which trained models to keep (they are the large files)."),
]
Jobs = Annotated[int, typer.Option("--jobs", metavar="N", min=1, help="How many files to copy at a time.")]
UrlArgument = Annotated[
    str, typer.Argument(metavar="URL", help="A folder, s3://…, gs://…, hf://datasets/OWNER/NAME or hf://buckets/OWNER/NAME.")
]
RunsArgument = Annotated[
    list[str] | None,
    typer.Argument(metavar="RUN|RECIPE", help="Default: every run.", autocompletion=completion.runs_and_recipes),
]


@app.command("ls", cls=Command, epilog=examples("sirev store ls"))
def ls(form: LookOption = "table", store: StoreOption = None) -> None:
    """List the runs, their size, and what is pinned."""
    from sirev.cli.store import inspect

    inspect.ls(store, form)


@app.command("show", cls=Command, epilog=examples("sirev store show tiny-sft-s0"))
def show(
    name: Annotated[
        str,
        typer.Argument(
            metavar="RUN|RUN:T:STEP|KEY|DIGEST",
            help="A run, a step of it, a key, or the digest of an artifact or file. The start of each is enough (6 digits).",
            autocompletion=completion.runs,
        ),
    ],
    form: Annotated[str, typer.Option("--format", metavar="json", help="Output format; json is the only one.")] = "json",
    store: StoreOption = None,
) -> None:
    """Show a run, an action, an artifact or a file, as JSON."""
    from sirev.cli.store import inspect

    inspect.show(name, store, form)


@app.command("log", cls=Command, epilog=examples("sirev store log tiny-sft-s0"))
def log(
    name: Annotated[
        str | None,
        typer.Argument(metavar="RUN", help="Only its steps. Default: everything recorded.", autocompletion=completion.runs),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Include the shards of samples.")] = False,
    form: LookOption = "table",
    store: StoreOption = None,
) -> None:
    """List when each step was computed, and how long it took."""
    from sirev.cli.store import inspect

    inspect.log(name, store, form, everything)


@app.command("du", cls=Command, epilog=examples("sirev store du"))
def du(form: LookOption = "table", store: StoreOption = None) -> None:
    """Show disk usage by stage and by run."""
    from sirev.cli.store import inspect

    inspect.du(store, form)


@app.command("diff", cls=Command, epilog=examples("sirev store diff tiny-sft-s0 tiny-dpo-s0"))
def diff(
    first: RunArgument,
    second: Annotated[str, typer.Argument(metavar="OTHER", help="The run to compare it with.", autocompletion=completion.runs)],
    form: LookOption = "table",
    store: StoreOption = None,
) -> None:
    """Show where two runs diverge, and what differs there."""
    from sirev.cli.store import inspect

    inspect.diff(first, second, store, form)


@app.command("path", cls=Command, epilog=examples("sirev store path", "sirev store path tiny-sft-s0:5:train"))
def path(
    run: Annotated[
        str | None,
        typer.Argument(
            metavar="RUN:T:STEP", help="A run or a step of it, such as tiny-sft-s0:5:train.", autocompletion=completion.runs
        ),
    ] = None,
    step: Annotated[
        str | None, typer.Argument(metavar="STEP", help="The step, if RUN names none: compare, 2:sample/test.")
    ] = None,
    store: StoreOption = None,
) -> None:
    """Print the path of the store, or of a step's files."""
    from sirev.cli.store import inspect

    inspect.path(run, step, store)


@app.command("get", cls=Command, epilog=examples("sirev store get tiny-sft-s0:5:train --to model"))
def get(
    name: Annotated[
        str,
        typer.Argument(
            metavar="DIGEST|RUN:T:STEP", help="An artifact, such as tiny-sft-s0:3:train.", autocompletion=completion.runs
        ),
    ],
    to: Annotated[Path, typer.Option("--to", metavar="DIR", help="A new or empty folder.")],
    store: StoreOption = None,
) -> None:
    """Export an artifact as files: a model, or Parquet tables."""
    from sirev.cli.store import inspect

    inspect.get(name, to, store)


@app.command("verify", cls=Command, epilog=examples("sirev store verify", "sirev store verify --repair"))
def verify(
    repair: Annotated[
        bool, typer.Option("--repair", help="Delete damaged files, so that they are recomputed or pulled.")
    ] = False,
    recompute: Annotated[
        int, typer.Option("--recompute", metavar="N", min=0, help="Also recompute N deterministic steps and compare.")
    ] = 0,
    unsafe_code: Annotated[
        bool,
        typer.Option(
            "--allow-unsafe-code", help="With --recompute: also run the store's task classes and programs without a sandbox."
        ),
    ] = False,
    form: LookOption = "table",
    store: StoreOption = None,
) -> int:
    """Check every file and record; exit with 1 if any is damaged."""
    from sirev.cli.store import verify

    return verify.verify_store(store, repair, recompute, form, unsafe_code)


@app.command("gc", cls=Command, epilog=examples("sirev store gc --dry-run", "sirev store gc --older-than 30d --keep-models last"))
def gc(
    older_than: Annotated[
        str | None, typer.Option("--older-than", metavar="AGE", help="Also delete runs not used for this long: 30d, 12h.")
    ] = None,
    max_size: Annotated[
        str | None, typer.Option("--max-size", metavar="SIZE", help="Also delete the oldest runs until the store fits: 50GB.")
    ] = None,
    keep_models: KeepModels = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Delete without asking.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be deleted.")] = False,
    form: LookOption = "table",
    store: StoreOption = None,
) -> None:
    """Delete what no run or pin uses, after showing it."""
    from sirev.cli.store import retention

    retention.gc(store, older_than, max_size, keep_models, yes, dry_run, form)


@app.command("rm", cls=Command, epilog=examples("sirev store rm tiny-sft-s0-1dcc2f30"))
def rm(
    runs: Annotated[list[str], typer.Argument(metavar="RUN", help="The whole id of a run.", autocompletion=completion.runs)],
    store: StoreOption = None,
) -> None:
    """Remove runs; the next gc deletes what only they used."""
    from sirev.cli.store import retention

    retention.rm(runs, store)


@app.command("pin", cls=Command, epilog=examples("sirev store pin tiny-sft-s0 --tag paper"))
def pin(
    name: Annotated[
        str | None, typer.Argument(metavar="RUN|DIGEST", help="Default: list the pins.", autocompletion=completion.runs)
    ] = None,
    tag: Annotated[str | None, typer.Option("--tag", metavar="NAME", help="The pin's name. Default: the run's id.")] = None,
    form: LookOption = "table",
    store: StoreOption = None,
) -> None:
    """Protect a run or an artifact from gc."""
    from sirev.cli.store import retention

    retention.pin(name, tag, store, form)


@app.command("unpin", cls=Command, epilog=examples("sirev store unpin paper"))
def unpin(name: Annotated[str, typer.Argument(metavar="NAME", help="The pin's name.")], store: StoreOption = None) -> None:
    """Remove a pin; the next gc may delete what it protected."""
    from sirev.cli.store import retention

    retention.unpin(name, store)


@app.command("push", cls=Command, epilog=examples("sirev store push s3://bucket/study tiny --keep-models none"))
def push(
    url: UrlArgument,
    runs: RunsArgument = None,
    keep_models: KeepModels = None,
    jobs: Jobs = 8,
    store: StoreOption = None,
) -> None:
    """Upload runs to a shared store: only files it lacks."""
    from sirev.cli.store import sync

    sync.push_runs(url, runs or [], keep_models, jobs, store)


@app.command("pull", cls=Command, epilog=examples("sirev store pull hf://datasets/ORG/NAME"))
def pull(
    url: UrlArgument,
    runs: RunsArgument = None,
    keep_models: KeepModels = None,
    jobs: Jobs = 8,
    store: StoreOption = None,
) -> None:
    """Download runs from a shared store, every file verified."""
    from sirev.cli.store import sync

    sync.pull_runs(url, runs or [], keep_models, jobs, store)


@app.command("export", cls=Command, epilog=examples("sirev store export tiny tiny.tar.zst --keep-models none"))
def export(
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="[RUN|RECIPE]... FILE",
            help="The runs (default: every run), then the .tar.zst file to write.",
            autocompletion=completion.runs_and_recipes,
        ),
    ],
    keep_models: KeepModels = None,
    store: StoreOption = None,
) -> None:
    """Write runs and everything they depend on to one archive."""
    from sirev.cli.store import sync

    sync.export(names, keep_models, store)


@app.command("import", cls=Command, epilog=examples("sirev store import tiny.tar.zst"))
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE.tar.zst", help="An archive that export wrote.")],
    store: StoreOption = None,
) -> None:
    """Import runs from an archive, verified."""
    from sirev.cli.store import sync

    sync.import_(file, store)


@app.command("publish", cls=Command, epilog=examples("sirev store publish tiny-sft-s0:5 ORG/NAME --completions"))
def publish(
    model: Annotated[
        str, typer.Argument(metavar="RUN:T", help="M_t of a finished run: tiny-sft-s0:5.", autocompletion=completion.runs)
    ],
    repository: Annotated[str, typer.Argument(metavar="ORG/NAME", help="The repository; it is made where there is none.")],
    completions: Annotated[
        bool, typer.Option("--completions", help="Also publish its graded draws and D_t, as the data set ORG/NAME.")
    ] = False,
    base: Annotated[
        str | None,
        typer.Option("--base", metavar="ORG/NAME[@REVISION]", help="The base of an adapter that was trained on a local folder."),
    ] = None,
    private: Annotated[bool, typer.Option("--private", help="Make a new repository private; a public one is refused.")] = False,
    store: StoreOption = None,
) -> None:
    """Publish a model with its card on the Hugging Face Hub."""
    from sirev.cli.store import publish

    publish.publish_model(model, repository, completions, base, private, store)
