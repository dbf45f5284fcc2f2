"""Options of several commands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from sirev.cli import completion
from sirev.errors import BadInput

RecipeArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="RECIPE", help="A name that `sirev recipes` lists, or a YAML file.", autocompletion=completion.recipes
    ),
]
RecipeOption = Annotated[
    str | None, typer.Option("--recipe", metavar="NAME|FILE", help="The same as RECIPE.", autocompletion=completion.recipes)
]
ModelOption = Annotated[
    str | None,
    typer.Option(
        "--model",
        metavar="ORG/NAME|DIR",
        help="The model to improve, instead of the recipe's: from the Hub (ORG/NAME@REVISION for a fixed revision) or a folder.",
    ),
]
MethodsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--method",
        metavar="|".join(completion.METHOD_WORDS),
        help="Default: every method of the recipe. Repeatable.",
        autocompletion=completion.words(completion.METHOD_WORDS),
    ),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY.SUB=VALUE", help="Override a setting, such as training.sft.epochs=2. Repeatable."),
]
SeedsOption = Annotated[list[int] | None, typer.Option("--seed", metavar="N", help="Default: 0. Repeatable.")]
StoreOption = Annotated[
    Path | None,
    typer.Option("--store", metavar="DIR", help="Default: $SIREV_STORE, cache/ in a checkout, else your cache folder."),
]
OverlayOption = Annotated[
    list[str] | None,
    typer.Option(
        "--overlay",
        metavar="NAME|FILE",
        help="A set of settings that override the recipe's, such as 24gb. Repeatable.",
        autocompletion=completion.overlays,
    ),
]
RedoOption = Annotated[
    list[str] | None,
    typer.Option(
        "--redo", metavar="STAGE|T:STAGE", help="Recompute a stage, such as train or 2:train, and keep both results. Repeatable."
    ),
]
RemoteOption = Annotated[
    str | None,
    typer.Option("--remote", metavar="URL", help="A shared store: steps it has are downloaded and verified, not computed."),
]
ScratchOption = Annotated[
    Path | None,
    typer.Option(
        "--scratch",
        metavar="DIR",
        help="Where interrupted trainings are kept, such as a folder that all nodes share. Default: $SIREV_SCRATCH, else TMPDIR.",
    ),
]


def _track_option(words: str) -> Any:
    """The option `--track` with a help text."""
    return typer.Option(
        "--track", metavar="TRACKER[:PROJECT]", help=words, autocompletion=completion.words(completion.TRACKER_WORDS)
    )


TrackOption = Annotated[
    str | None,
    _track_option("Send curves and measures to trackio, wandb, tensorboard or mlflow. Default: $SIREV_TRACK, else none."),
]
TrackerOption = Annotated[
    str | None,
    _track_option(
        "The tracker to send the run to: trackio, wandb, tensorboard or mlflow. Required unless $SIREV_TRACK names one."
    ),
]
PushOption = Annotated[
    bool,
    typer.Option("--push", help="Upload each result to the shared store of --remote as well, in the background."),
]
UnsafeOption = Annotated[
    bool,
    typer.Option("--allow-unsafe-code", help="Run model-written programs even without a sandbox."),
]
NullOption = Annotated[
    list[str] | None,
    typer.Option(
        "--null",
        metavar="resample|retrain|gold",
        help="Add a control run: what changes without self-improvement. Repeatable.",
        autocompletion=completion.words(completion.NULLS),
    ),
]
NullCountOption = Annotated[
    int, typer.Option("--null-count", metavar="K", help="How many times --null retrain trains M_1 again.")
]
RatesOption = Annotated[
    list[str] | None,
    typer.Option("--rate", metavar="sample|train=TOKENS/S", help="Throughput to estimate GPU hours from. Repeatable."),
]
PlanOption = Annotated[bool, typer.Option("--plan", help="Show what is left to do and how long it takes; run nothing.")]
PlannedGpuOption = Annotated[
    str | None,
    typer.Option(
        "--gpu",
        metavar="NAME",
        help="With --plan: plan for this GPU, such as h100 or a100.",
        autocompletion=completion.gpus,
    ),
]
LookOption = Annotated[
    str,
    typer.Option(
        "--format", metavar="table|json", help="Output format.", autocompletion=completion.words(completion.FORMAT_WORDS[::3])
    ),
]
FormatOption = Annotated[
    str,
    typer.Option(
        "--format",
        metavar="table|markdown|csv|json",
        help="Output format.",
        autocompletion=completion.words(completion.FORMAT_WORDS[:4]),
    ),
]
RunArgument = Annotated[
    str, typer.Argument(metavar="RUN", help="A run's id, or the start of it.", autocompletion=completion.runs)
]


def check_format(form: str, known: Sequence[str] = ("table", "json")) -> None:
    """Raise BadInput for a `--format` that a command does not have."""
    if form not in known:
        from sirev.suggest import suggest

        raise BadInput(f"--format: unknown format {form!r}{suggest(form, list(known))}")


def refuse(options: Mapping[str, object], why: str) -> None:
    """Raise BadInput if any of these options was given."""
    if given := [name for name, value in options.items() if value]:
        raise BadInput(f"{' and '.join(given)}: {why}")
