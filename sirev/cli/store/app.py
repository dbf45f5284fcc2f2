"""`sirev store`: what its commands take. What they do is imported when they are called."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sirev.cli.options import LookOption, StoreOption

app = typer.Typer(help="Look into the store, check it, clean it up, share it.", no_args_is_help=True, rich_markup_mode=None)

KeepModels = Annotated[
    str | None,
    typer.Option("--keep-models", metavar="all|last|best|none", help="Which of a run's trained models, the large files."),
]
Jobs = Annotated[int, typer.Option("--jobs", metavar="N", min=1, help="How many files move at a time.")]
UrlArgument = Annotated[str, typer.Argument(metavar="URL", help="A folder, s3://…, gs://… or hf://datasets/OWNER/NAME.")]
RunsArgument = Annotated[list[str] | None, typer.Argument(metavar="[RUN|RECIPE]...", help="Default: every run.")]


@app.command("ls")
def ls(form: LookOption = "table", store: StoreOption = None) -> None:
    """List the runs, their size, and what is pinned."""
    from sirev.cli.store import look

    look.ls(store, form)


@app.command("show")
def show(
    name: Annotated[
        str, typer.Argument(metavar="RUN|KEY|DIGEST", help="Or its beginning: of a key and a digest at least 6 digits.")
    ],
    form: Annotated[str, typer.Option("--format", metavar="json", help="There is no other.")] = "json",
    store: StoreOption = None,
) -> None:
    """Show a run, an action, an artifact or a file, as JSON."""
    from sirev.cli.store import look

    look.show(name, store, form)


@app.command("log")
def log(
    name: Annotated[str | None, typer.Argument(metavar="[RUN]", help="Only its steps. Default: everything recorded.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Also the shards of samplings.")] = False,
    form: LookOption = "table",
    store: StoreOption = None,
) -> None:
    """List what was computed when, and how long it took."""
    from sirev.cli.store import look

    look.log(name, store, form, everything)


@app.command("du")
def du(form: LookOption = "table", store: StoreOption = None) -> None:
    """Show what takes the space, by stage and by run."""
    from sirev.cli.store import look

    look.du(store, form)


@app.command("diff")
def diff(
    first: Annotated[str, typer.Argument(metavar="RUN", help="A run's id; its beginning will do.")],
    second: Annotated[str, typer.Argument(metavar="RUN", help="Another.")],
    form: LookOption = "table",
    store: StoreOption = None,
) -> None:
    """Show where two runs part, and what differs there."""
    from sirev.cli.store import look

    look.diff(first, second, store, form)


@app.command("path")
def path(
    run: Annotated[str | None, typer.Argument(metavar="[RUN]", help="A run's id.")] = None,
    step: Annotated[
        str | None, typer.Argument(metavar="[STEP]", help="A step of the run, such as compare or sample/test:2.")
    ] = None,
    store: StoreOption = None,
) -> None:
    """Print the store's folder, or where a step's files are."""
    from sirev.cli.store import look

    look.path(run, step, store)


@app.command("get")
def get(
    name: Annotated[str, typer.Argument(metavar="DIGEST|RUN:T:STAGE", help="An artifact, such as tiny-sft-s0:3:train.")],
    to: Annotated[Path, typer.Option("--to", metavar="DIR", help="A folder that is new or empty.")],
    store: StoreOption = None,
) -> None:
    """Hand an artifact out as ordinary files: models, Parquet."""
    from sirev.cli.store import look

    look.get(name, to, store)


@app.command("verify")
def verify(
    repair: Annotated[
        bool, typer.Option("--repair", help="Drop what is damaged, so that it is computed or pulled again.")
    ] = False,
    recompute: Annotated[
        int, typer.Option("--recompute", metavar="N", min=0, help="Also run N deterministic steps again and compare.")
    ] = 0,
    form: LookOption = "table",
    store: StoreOption = None,
) -> int:
    """Check every byte and record; exit 1 for damage."""
    from sirev.cli.store import check

    return check.verify(store, repair, recompute, form)


@app.command("gc")
def gc(
    older_than: Annotated[
        str | None, typer.Option("--older-than", metavar="AGE", help="Also give up runs last touched so long ago: 30d, 12h.")
    ] = None,
    max_size: Annotated[
        str | None, typer.Option("--max-size", metavar="SIZE", help="Also give up the oldest runs until it fits: 50GB.")
    ] = None,
    keep_models: KeepModels = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Delete without asking.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be deleted.")] = False,
    form: LookOption = "table",
    store: StoreOption = None,
) -> None:
    """Show, then delete, what nothing reaches any more."""
    from sirev.cli.store import keep

    keep.gc(store, older_than, max_size, keep_models, yes, dry_run, form)


@app.command("rm")
def rm(
    runs: Annotated[list[str], typer.Argument(metavar="RUN...", help="Whole ids of runs.")],
    store: StoreOption = None,
) -> None:
    """Remove runs; gc then frees what only they used."""
    from sirev.cli.store import keep

    keep.rm(runs, store)


@app.command("pin")
def pin(
    name: Annotated[str | None, typer.Argument(metavar="[RUN|DIGEST]", help="Default: list the pins.")] = None,
    tag: Annotated[str | None, typer.Option("--tag", metavar="NAME", help="What to call the pin. Default: the run's id.")] = None,
    form: LookOption = "table",
    store: StoreOption = None,
) -> None:
    """Keep a run or an artifact, whatever gc is asked."""
    from sirev.cli.store import keep

    keep.pin(name, tag, store, form)


@app.command("unpin")
def unpin(name: Annotated[str, typer.Argument(metavar="NAME", help="The pin's name.")], store: StoreOption = None) -> None:
    """Take a pin away; the next gc may delete what it kept."""
    from sirev.cli.store import keep

    keep.unpin(name, store)


@app.command("push")
def push(
    url: UrlArgument,
    runs: RunsArgument = None,
    keep_models: KeepModels = None,
    jobs: Jobs = 8,
    store: StoreOption = None,
) -> None:
    """Copy runs to a shared store; only what is missing moves."""
    from sirev.cli.store import share

    share.push(url, runs or [], keep_models, jobs, store)


@app.command("pull")
def pull(
    url: UrlArgument,
    runs: RunsArgument = None,
    keep_models: KeepModels = None,
    jobs: Jobs = 8,
    store: StoreOption = None,
) -> None:
    """Copy runs from a shared store, every byte checked."""
    from sirev.cli.store import share

    share.pull(url, runs or [], keep_models, jobs, store)


@app.command("export")
def export(
    names: Annotated[
        list[str],
        typer.Argument(metavar="[RUN|RECIPE]... FILE", help="Which runs, by default all, and the file.tar.zst to write."),
    ],
    keep_models: KeepModels = None,
    store: StoreOption = None,
) -> None:
    """Write runs, and all that they stand on, as one file."""
    from sirev.cli.store import share

    share.export(names, keep_models, store)


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE.tar.zst", help="A file that export wrote.")],
    store: StoreOption = None,
) -> None:
    """Take in the runs of such a file, all of it checked."""
    from sirev.cli.store import share

    share.import_(file, store)
