"""Identities of evaluated models: a repository at a commit or the digest of a folder, the base, the form of prompts."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any, TypedDict

from sirev.errors import SirevError
from sirev.stages.model import REFERENCE, folder_digest
from sirev.store.runs import Run
from sirev.store.sharing.private import shareable
from sirev.store.store import Store
from sirev.study.remedies import verb_of
from sirev.study.step_names import given_model_step, sampling_step

REVISION = 12
"""Digits shown of a commit or digest."""


_ASKED = {True: "chat template", False: "without a chat template", None: "how it was asked is not recorded"}


class Identity(TypedDict):
    """A model: its name, and a commit on the Hub or the digest of its folder's files."""

    name: str
    revision: str | None
    commit: str | None
    digest: str | None


class ModelIdentity(Identity):
    """A model of an evaluation.

    `base` is the base model of an adapter, else null. `chat`: whether prompts used its chat template; null if not recorded.
    `loop` is the run and t of the loop that made it, RUN:t, else null.
    """

    step: str
    base: Identity | None
    chat: bool | None
    loop: str | None


def identities(store: Store, run: Run) -> list[ModelIdentity] | None:
    """The models of an evaluation, M_1 first; None for any other run. A local folder is named by the last part of its path."""
    named = shareable(run).settings["models"] if verb_of(run) == "evaluate" else None
    return [_identity(store, run, t, one) for t, one in enumerate(named, 1)] if isinstance(named, list) else None


def identity_in_words(one: ModelIdentity) -> str:
    """A model, its base, and the form of its prompts: "ORG/NAME at 0123456789ab, chat template"."""
    adapter = f", an adapter on {_in_words(one['base'])}" if one["base"] else ""
    made = f", made by {one['loop']}" if one["loop"] else ""
    return f"{_in_words(one)}{adapter}{made}, {_ASKED[one['chat']]}"


def _in_words(one: Identity) -> str:
    branch = one["revision"] if one["revision"] and one["revision"] != one["commit"] else None
    at = " ".join(filter(None, (branch, (one["commit"] or "")[:REVISION])))
    digest = f" ({one['digest'][:REVISION]})" if one["digest"] else ""
    return f"{one['name']}{f' at {at}' if at else ''}{digest}"


def _identity(store: Store, run: Run, t: int, named: Mapping[str, Any]) -> ModelIdentity:
    loop = named.get("loop")
    of_weights = _of(store, run, given_model_step(t), named)
    unnamed = f"M_0 of {loop['run']}" if loop else "a folder"
    base = _of(store, run, given_model_step(t, base=True), named.get("base") or {}, unnamed)
    return {
        **of_weights,
        "step": str(named["step"]),
        "base": base if given_model_step(t, base=True) in run.pins else None,
        "chat": _chat(store, run, t),
        "loop": f"{loop['run']}:{loop['t']}" if loop else None,
    }


def _of(store: Store, run: Run, step: str, named: Mapping[str, Any], unnamed: str = "a folder") -> Identity:
    reference: dict[str, Any] = {}
    digest = None
    with contextlib.suppress(KeyError, SirevError):  # its artifact is gone: commit and digest stay unknown
        artifact = store.artifact(run.pins[step].artifact)
        if REFERENCE in artifact.manifest["files"]:
            reference = artifact.json(REFERENCE)
        digest = reference.get("digest") if reference else folder_digest(artifact)
    name = str(named.get("name") or reference.get("hub") or unnamed)
    return {"name": name, "revision": named.get("revision"), "commit": reference.get("commit"), "digest": digest}


def _chat(store: Store, run: Run, t: int) -> bool | None:
    """Whether a model's draws used its chat template, by their record; None if not recorded."""
    pin = run.pins.get(sampling_step(str(run.settings["evaluation"]["split"]), t))
    with contextlib.suppress(SirevError):
        if pin is not None and (record := store.records.get(pin.key, pin.artifact)) is not None:
            return bool(record.action["parameters"].get("chat_template"))
    return None
