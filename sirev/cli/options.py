"""Options that several commands take."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from sirev.errors import BadInput

RecipeOption = Annotated[str, typer.Option("--recipe", metavar="NAME|FILE", help="A recipe's name or its YAML file.")]
MethodsOption = Annotated[
    list[str] | None, typer.Option("--method", metavar="sft|dpo|sft-dpo|all", help="Default: all of the recipe. Repeatable.")
]
SetOption = Annotated[list[str] | None, typer.Option("--set", metavar="KEY.SUB=VALUE", help="Override a field. Repeatable.")]
SeedsOption = Annotated[list[int] | None, typer.Option("--seed", metavar="N", help="Default: 0. Repeatable.")]
StoreOption = Annotated[
    Path | None,
    typer.Option("--store", metavar="DIR", help="Default: $SIREV_STORE, cache/ in a checkout, else the user's cache folder."),
]
OverlayOption = Annotated[
    list[str] | None,
    typer.Option("--overlay", metavar="NAME|FILE", help="Settings laid over the recipe, such as 24gb. Repeatable."),
]
RedoOption = Annotated[
    list[str] | None,
    typer.Option("--redo", metavar="STAGE[:T]", help="Compute a stage anew, as another realisation. Repeatable."),
]
RemoteOption = Annotated[
    str | None,
    typer.Option("--remote", metavar="URL", help="A shared store: what it holds is pulled and checked, not computed."),
]
UnsafeOption = Annotated[
    bool,
    typer.Option("--allow-unsafe-code", help="Run programs that the model wrote also where this machine can't confine them."),
]
NullOption = Annotated[
    list[str] | None,
    typer.Option("--null", metavar="resample|retrain|gold", help="A null run beside: what changes by itself. Repeatable."),
]
NullCountOption = Annotated[int, typer.Option("--null-count", metavar="K", help="How often --null retrain trains M_1 again.")]
RatesOption = Annotated[
    list[str] | None,
    typer.Option("--rate", metavar="sample|train=TOKENS/S", help="Throughput for the estimate of GPU hours. Repeatable."),
]
LookOption = Annotated[str, typer.Option("--format", metavar="table|json", help="How to print it.")]
FormatOption = Annotated[str, typer.Option("--format", metavar="table|markdown|csv|json", help="How to print it.")]


def check_format(form: str, known: Sequence[str] = ("table", "json")) -> None:
    """BadInput for a `--format` that a command does not have."""
    if form not in known:
        from sirev.recipe import suggest  # pydantic; `sirev --help` has no use for it

        raise BadInput(f"--format: unknown format {form!r}{suggest(form, list(known))}")
