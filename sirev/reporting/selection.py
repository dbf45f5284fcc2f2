"""Selection of a report's studies: the newest settings per recipe, and labels that tell settings apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sirev.execution.latest_runs import latest_runs
from sirev.explain.action_diff import flat, moment, short_value
from sirev.listing import listed
from sirev.metrics.comparison.nulls import is_null
from sirev.quoting import as_typed
from sirev.store.runs import Run
from sirev.store.sharing.hub_place import HubPlace
from sirev.store.store import Store
from sirev.study.comparing import settings_of
from sirev.study.remedies import verb_of

_NOT_SET = ("name", "description", "methods", "gpu", "samples")
"""Settings that never appear in a label: they change no measure, or are digests."""
LABEL_SETTINGS = 3
"""Most settings that a label names. It counts the others."""

_SHORT = 4
"""Longest name, in letters, that needs its group to be understood, such as draws.n."""


@dataclass(frozen=True)
class OtherSettings:
    """Finished runs of a recipe that a report leaves out because of their other settings, named by `label`.

    `digits` name these settings to `--run`; None if another study has the same digits.
    """

    recipe: str
    label: str
    runs: tuple[str, ...]
    digits: str | None = None


@dataclass(frozen=True)
class Selection:
    """The studies that a report shows, each a list of runs, with their labels ("" if not needed), and the settings left out."""

    shown: list[list[Run]] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    others: tuple[OtherSettings, ...] = ()


def newest_settings(store: Store, groups: Sequence[list[Run]]) -> Selection:
    """Select the last-run study of each recipe, out of `sirev.study.comparing.studies_of`; the others are named.

    The last one is the study of the last `iterate` or `measure`, even if that was a replay; else the one with the latest
    invocation.
    """
    latest = {run.id for run in latest_runs(store)}
    kept: list[list[Run]] = []
    labels: list[str] = []
    others: list[OtherSettings] = []
    for recipe in dict.fromkeys(group[0].recipe for group in groups):
        alike = [group for group in groups if group[0].recipe == recipe]
        of_each = settings_apart(alike)
        newest = max(
            range(len(alike)), key=lambda i: (any(run.id in latest for run in alike[i]), max(run.invocation for run in alike[i]))
        )
        kept.append(alike[newest])
        labels.append(of_each[newest])
        others += [
            OtherSettings(recipe, of_each[i], tuple(run.id for run in group if not is_null(run.method)), _digits(group, alike))
            for i, group in enumerate(alike)
            if i != newest
        ]
    return Selection(kept, labels, tuple(others))


def _digits(group: Sequence[Run], groups: Sequence[Sequence[Run]]) -> str | None:
    """The digits of a study's settings; None if another of these studies has the same."""
    digits = settings_of(group[0])
    return digits if sum(settings_of(other[0]) == digits for other in groups) == 1 else None


def settings_apart(groups: Sequence[Sequence[Run]]) -> list[str]:
    """A label per study of a recipe: its differing settings, such as "T=2"; "" for a single study.

    The time of the run is added if these labels are not unique; if even that is not, the id of the first run is the label.
    """
    if len(groups) < 2:
        return [""] * len(groups)
    verbs = [verb_of(group[0]) for group in groups]
    if len(set(verbs)) > 1:  # a user's recipe can have the name of a comparison of completions
        labels_of = {
            verb: iter(settings_apart([group for group, its in zip(groups, verbs, strict=True) if its == verb]))
            for verb in set(verbs)
        }
        return [f"by sirev {verb} {next(labels_of[verb])}".strip() for verb in verbs]
    settings = [{path: short_value(value) for path, value in flat(group[0].settings).items()} for group in groups]
    paths = [path for path in dict.fromkeys(path for one in settings for path in one) if path.partition(".")[0] not in _NOT_SET]
    differing = [path for path in paths if len({one.get(path) for one in settings}) > 1]
    names = short_names(differing)
    labels = []
    for one in settings:
        words = [f"{name}={one.get(path, 'none')}" for name, path in zip(names, differing, strict=True)]
        labels.append(listed(words, LABEL_SETTINGS, " "))
    if len(set(labels)) == len(groups):
        return labels
    times = [moment(max(run.invocation for run in group)) for group in groups]
    if len(set(times)) == len(groups):
        return [f"{label} {time}".strip() for label, time in zip(labels, times, strict=True)]
    return [group[0].id for group in groups]


def short_names(paths: Sequence[str]) -> list[str]:
    """Short names of dotted settings: the last part, such as learning_rate.

    A short last part gets its group, such as dpo.beta. Settings with the same short name stay whole.
    """
    ends = [path.rpartition(".")[2] for path in paths]
    ends = [end if len(end) > _SHORT else ".".join(path.split(".")[-2:]) for path, end in zip(paths, ends, strict=True)]
    return [end if ends.count(end) == 1 else path for path, end in zip(paths, ends, strict=True)]


def others_in_words(
    selection: Selection,
    section: str | None = None,
    store: Path | None = None,
    output: Path | HubPlace | None = None,
    options: Sequence[str] = (),
) -> list[str]:
    """Lines for the user: the settings shown, and a command for each of the others.

    `section`, `store`, `output` and further `options` are those of the user's command. Each command gets a different output.
    """
    lines: list[str] = []
    for group, label in zip(selection.shown, selection.labels, strict=True):
        recipe = group[0].recipe
        others = [other for other in selection.others if other.recipe == recipe]
        if not others:
            continue
        lines.append(f"{recipe} was run with {len(others) + 1} settings; this is the one run last ({label}). The others:")
        for i, other in enumerate(others, 2):
            words = ["sirev", "report", *([section] if section else []), *options]
            words += [word for run in ([other.digits] if other.digits else other.runs) for word in ("--run", run)]
            words += ["--store", str(store)] if store is not None else []
            words += ["--output", _numbered(output, i)] if output is not None else []
            lines.append(f"  {as_typed(*words)}  # {other.label}")
    return lines


def _numbered(output: Path | HubPlace, i: int) -> str:
    return f"{output.url}-{i}" if isinstance(output, HubPlace) else str(output.with_stem(f"{output.stem}-{i}"))
