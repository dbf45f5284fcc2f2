"""The settings of a recipe that a report is about, and what tells runs of other settings apart."""

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
"""Settings that are no label: they change no measure, or are digests."""
LABEL_SETTINGS = 3
"""Settings that a label names; of more it says that there are others."""

_SHORT = 4
"""Letters of a setting's own name that say too little without the group it is in, such as draws.n."""


@dataclass(frozen=True)
class OtherSettings:
    """Finished runs of a recipe that a report leaves out because they have other settings; `label` says which.

    `digits` name these settings to `--run`, None where they name runs of another study too.
    """

    recipe: str
    label: str
    runs: tuple[str, ...]
    digits: str | None = None


@dataclass(frozen=True)
class Selection:
    """The studies that a report shows, each a list of runs, what sets each apart ("" if nothing need), and what is left out."""

    shown: list[list[Run]] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    others: tuple[OtherSettings, ...] = ()


def newest_settings(store: Store, groups: Sequence[list[Run]]) -> Selection:
    """Of each recipe's studies (`sirev.study.comparing.studies_of`) the one that was run last; the others are named.

    The last is the one that the last `iterate` or `measure` was about, a replay too, else the one with the latest invocation.
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
    """The digits of a study's settings, unless another of these studies has them too."""
    digits = settings_of(group[0])
    return digits if sum(settings_of(other[0]) == digits for other in groups) == 1 else None


def settings_apart(groups: Sequence[Sequence[Run]]) -> list[str]:
    """What tells each of several studies of a recipe from the others: "T=2", else when it was run; "" for a single one."""
    if len(groups) < 2:
        return [""] * len(groups)
    verbs = [verb_of(group[0]) for group in groups]
    if len(set(verbs)) > 1:  # a recipe of the user's own can be called like a comparison of completions
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
    """Dotted settings by their last part, such as learning_rate; with its group where that says too little, such as dpo.beta, and
    whole where two end alike."""
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
    """Lines for a user: which settings are shown, and the command that shows each of the others.

    `section`, `store`, `output` and further `options` are those of the command that was given; every other page gets an output
    of its own.
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
