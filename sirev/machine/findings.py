"""Findings of an inspection, with remedies."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

Need = str
"""A need of a step: libraries, gpu, engine, training, model, embedding, sandbox, data, or "data of SUITE"."""
_OF_TRAINING = ("sirev iterate", "--model")
"""Beginnings of commands and options that are for training only."""
Status = Literal["ok", "missing", "note", "absent"]


def gigabytes(size: float) -> str:
    """A size in bytes as text, in GB."""
    return f"{size / 1e9:,.1f} GB"


@dataclass(frozen=True)
class Remedy:
    """A remedy in words, and its command; a command is always shown whole."""

    words: str
    command: str = ""

    def __str__(self) -> str:
        return f"{self.words}: {self.command}" if self.command else self.words


@dataclass(frozen=True)
class Finding:
    """The subject of an inspection, the result, and remedies if it is not well. `needed`: the recipe needs it.

    `absent`: it is not present; if the finding is well, it need not be. `need` tells which steps depend on it.
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
        """ "missing" keeps the recipe from running here; "note" is for the user's information."""
        if not self.well:
            return "missing" if self.needed else "note"
        return "absent" if self.absent else "ok"

    @property
    def missing(self) -> bool:
        """Whether it keeps the recipe from running here."""
        return self.status == "missing"

    def line(self) -> str:
        """The finding with its remedies, on one line."""
        return "; ".join([f"{self.what}: {self.found}", *([", or ".join(map(str, self.remedies))] if self.remedies else [])])

    def line_without_training(self) -> str:
        """A shorter line for `sirev evaluate`: of the remedies that it takes the first and the last."""
        fit = [one for one in self.remedies if not one.command.startswith(_OF_TRAINING)]
        return replace(self, remedies=(*fit[:1], *fit[1:][-1:])).line()

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        remedies = [vars(remedy) for remedy in self.remedies]
        return {"what": self.what, "status": self.status, "found": self.found, "needed": self.needed, "remedies": remedies}
