"""Sentences on the overlap of test problems with training data."""

from __future__ import annotations

from sirev.metrics.overlap import CORPUS, TRAINING, LevelOverlap, Overlap, SplitOverlap
from sirev.study.step_names import suite_of

PLACES = {TRAINING: "the training set", CORPUS: "the pretraining corpus"}


def sentences(overlap: Overlap) -> list[str]:
    """A line per split and place with some of its problems, or one line per split if no place has any."""
    return [line for split, found in overlap["splits"].items() for line in _of_split(split, found, overlap["n"])]


def split_name(split: str) -> str:
    """The name of a split in a sentence; for a suite, the suite's name."""
    return suite_of(split) or f"the {split} split"


def _of_split(split: str, found: SplitOverlap, n: int | None) -> list[str]:
    whole, name = found["all"], split_name(split)
    lines = []
    for place, known in whole["known"].items():
        parts = []
        if known["whole"]:
            parts.append(f"{_counted(whole, place)} problems of {name} occur in {PLACES[place]}{_by_level(found, place)}")
        if n is not None and known["half"]:
            of = "" if parts else f" of {whole['problems']:,} problems of {name}"
            where = "" if parts else f" with {PLACES[place]}"
            parts.append(f"{known['half']:,}{of} share half of their {n}-grams{where}")
        if parts:
            lines.append("; ".join(parts) + ".")
    places = " or ".join(PLACES[place] for place in whole["known"])
    return lines or [f"No problem of {name} ({whole['problems']:,}) occurs in {places}."]


def _counted(of: LevelOverlap, place: str) -> str:
    return f"{of['known'][place]['whole']:,} of {of['problems']:,}"


def _by_level(found: SplitOverlap, place: str) -> str:
    held = {level: of for level, of in found["levels"].items() if of["known"][place]["whole"]}
    if len(found["levels"]) < 2 or not held:
        return ""
    return f" (level {', '.join(f'{level}: {_counted(of, place)}' for level, of in held.items())})"
