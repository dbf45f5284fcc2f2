"""Findings of an inspection: one per thing, each with its remedy."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

Need = str
"""What a step may need of a machine: libraries, gpu, engine, training, model, embedding, sandbox, data, or "data of SUITE"."""
_OF_TRAINING = ("sirev iterate", "--model")
"""How commands and options begin that are for training alone."""
Status = Literal["ok", "missing", "note", "absent"]


def gigabytes(size: float) -> str:
    """So many bytes, in words."""
    return f"{size / 1e9:,.1f} GB"


@dataclass(frozen=True)
class Remedy:
    """What to do, in words, and what to type for it; the command is shown whole."""

    words: str
    command: str = ""

    def __str__(self) -> str:
        return f"{self.words}: {self.command}" if self.command else self.words


@dataclass(frozen=True)
class Finding:
    """What was looked at, what was found, and what to do about it if it is not well. `needed` is by the recipe.

    `absent` is what is not here and need not be. `need` says which steps it matters to.
    """

    what: str
    found: str
    well: bool
    needed: bool
    remedies: tuple[Remedy, ...] = ()
    absent: bool = False
    need: Need | None = None

    @property
    def status(self) -> Status:
        """ "missing" is what keeps the recipe from running here, "note" what the user should know of."""
        if not self.well:
            return "missing" if self.needed else "note"
        return "absent" if self.absent else "ok"

    @property
    def missing(self) -> bool:
        """Whether the recipe can't run here because of it."""
        return self.status == "missing"

    def line(self) -> str:
        """All of it in one line."""
        return "; ".join([f"{self.what}: {self.found}", *([", or ".join(map(str, self.remedies))] if self.remedies else [])])

    def line_without_training(self) -> str:
        """A shorter line for `sirev evaluate`: of the remedies that it takes the first and the last."""
        fit = [one for one in self.remedies if not one.command.startswith(_OF_TRAINING)]
        return replace(self, remedies=(*fit[:1], *fit[1:][-1:])).line()

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        remedies = [vars(remedy) for remedy in self.remedies]
        return {"what": self.what, "status": self.status, "found": self.found, "needed": self.needed, "remedies": remedies}
