"""The data behind a model's card: its run and t, its base, and its history."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sirev.explain.history import Entry, history_of
from sirev.hub import link
from sirev.reporting.facts import task_for_others
from sirev.store.artifacts import Artifact
from sirev.store.records import DamagedRecord, Record
from sirev.store.runs import Run
from sirev.store.sharing.hub_card import commands_block
from sirev.store.sharing.private import local_names, shareable
from sirev.store.store import Store
from sirev.study.step_names import parse_step
from sirev.tasks.registry import TASKS

RECIPE_FILE = "recipe.yaml"
"""The file with the run's settings in the repository of a published model."""

_LONG = ("pretrain", "train", "sample", "score")
"""The stages that an engine or trainer runs."""


@dataclass(frozen=True)
class BaseModel:
    """A base model on the Hub at a commit, with the licence fields of its page."""

    name: str
    commit: str | None
    licence: dict[str, str]


@dataclass(frozen=True)
class PublishedModel:
    """M_t of a run, made by `step`, for publication as `repository`.

    `base` is the model of an adapter, or the one that full weights were fine-tuned from. It is None if the run pretrained M_0,
    and for that M_0 itself.
    """

    store: Store
    run: Run
    t: int
    step: str
    artifact: Artifact
    repository: str
    adapter: bool
    base: BaseModel | None

    @property
    def settings(self) -> dict[str, Any]:
        """The run's settings for the public. A base that is on the Hub has its name there."""
        settings = shareable(self.run).settings
        if self.base is None or settings["model"].get("name") in (None, self.base.name):
            return settings
        return {**settings, "model": {**settings["model"], "name": self.base.name, "revision": self.base.commit}}

    @property
    def task(self) -> str:
        """The task of its training, in words for outsiders."""
        return task_for_others(self.settings, "problems of its makers")

    @property
    def task_name(self) -> str | None:
        """The name of the task; None for a user's own, whose name others do not know."""
        name = str(self.settings["task"]["name"])
        return None if name in TASKS and TASKS[name].own else name

    @property
    def tags(self) -> list[str]:
        """The tags of method and task."""
        return [self.run.method, *([self.task_name] if self.task_name else [])]

    @property
    def key(self) -> str:
        """The key of the action that made the model."""
        return self.run.pins[self.step].key

    def record(self, entry: Entry) -> Record | None:
        """The record of an entry of the history; None if it is missing or damaged."""
        with contextlib.suppress(DamagedRecord):
            return self.store.records.get(entry.key, entry.artifact)
        return None

    def history(self) -> list[Entry]:
        """The entries of the long steps up to this model, by t and stage, without later steps of the run."""
        entries = [entry for entry in history_of(self.store, self.run) if entry.stage in _LONG]
        last = self.t if parse_step(self.step).t else 0
        placed = [(parse_step(entry.users[0][1]), entry) for entry in entries]
        ours = [(name, entry) for name, entry in placed if (name.t or 0) <= last]
        ours.sort(key=lambda one: (one[0].t or 0, _LONG.index(one[1].stage)))
        return [entry for _, entry in ours]


def check_in_words(model: PublishedModel, check: Sequence[str]) -> str:
    """The commands of `check`, with what they do and which local files the reader has to supply."""
    needed = [f"`{key}` (`{name}`)" for key, name in local_names(model.settings)]
    beside = f"`{RECIPE_FILE}` is a file of {link('model', model.repository)}." if RECIPE_FILE in " ".join(check) else ""
    does = "the first command trains the model again, the second asks it the same problems again:"
    if needed:
        does = (
            f"The recipe names local files, which are not published: {', '.join(needed)}. Supply your own, at these paths or "
            f"with `--set`. Only with the same content {does}"
        )
    return f"{beside} {does[0].upper()}{does[1:]}".strip() + f"\n\n{commands_block(*check)}"
