"""Lookup of runs and artifacts by name: an id, a step, or the beginning of an id or digest.

An ambiguous name is refused, with its candidates.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sirev.errors import BadInput
from sirev.listing import listed
from sirev.store.artifacts import Artifact
from sirev.store.digests import sha256_file
from sirev.store.naming import one_run, runs_meant
from sirev.store.objects import DamagedObject
from sirev.store.runs import Run, address_parts, pinned_step, run_address, step_title
from sirev.store.store import Store
from sirev.store.untrusted_files import is_regular
from sirev.study.remedies import first_run, require_store
from sirev.study.step_names import COMPARISON, steps_beginning
from sirev.suggest import suggest_of

SHORTEST = 6
"""Least number of hexadecimal digits that stand for a digest or key."""
LARGEST_MANIFEST = 64 << 20
"""Bytes. A larger object counts as a file of an artifact, without being read."""


@dataclass(frozen=True)
class Named:
    """An artifact found by name: with `run` and `step` if the name was a step, and with its `key` if that is known."""

    artifact: Artifact
    run: Run | None = None
    step: str | None = None
    key: str | None = None


def runs_named(store: Store, names: Sequence[str]) -> list[Run]:
    """The runs of the given names, each once, in the order of `store.runs.all`; without names all runs.

    A name is a run id, else the name of a recipe (all its runs), else the beginning of one run id. Raises BadInput if it is
    none of these, or the beginning of several ids.
    """
    if not names:
        return store.runs.all()
    ids = store.runs.ids()
    found: dict[str, Run] = {}
    for name in names:
        found |= {run.id: run for run in _runs(store, name, ids)}
    return sorted(found.values(), key=lambda run: (run.invocation, run.id))


def run_named(store: Store, name: str) -> Run:
    """The run with this id, or the only one whose id begins with it. Raises BadInput, with suggestions, for none or several."""
    ids = store.runs.ids()
    return _read(store, _one_id(store, name, ids))


def artifact_named(store: Store, name: str) -> Artifact:
    """The artifact of a name; see `named`."""
    return named(store, name).artifact


def named(store: Store, name: str) -> Named:
    """An artifact by its digest, by the key of its action, or as a step of a run.

    The first six digits of a digest or key are enough. A step is RUN:t:step (`RUN:2:train`, `RUN:2:sample/test`,
    `RUN:compare`), its name as the run pins it (`RUN:train:2`), or a beginning of its parts that is unique in the run
    (`RUN:2:select`). Raises BadInput for an unknown or ambiguous name, and DamagedObject if the manifest of the artifact is
    damaged.
    """
    run, step = address_parts(name)
    if step is not None:
        return _step(store, run_named(store, run), step, name)
    digits = name.lower()
    if re.fullmatch(rf"[0-9a-f]{{{SHORTEST},64}}", digits):
        return _by_digest(store, digits, name)
    if any(one.startswith(name) for one in store.runs.ids() if name):
        found = run_named(store, name)
        raise BadInput(f"{name} is a run; name a step of it, such as {run_address(found.id, _some_step(found))}")
    raise BadInput(
        f"the store {store.path} has no artifact {name!r}; name a digest (at least {SHORTEST} digits) or RUN:t:step, "
        "such as RUN:2:train or RUN:compare"
    )


def _runs(store: Store, name: str, ids: list[str]) -> list[Run]:
    meant = runs_meant(name, ids, lambda run_id: _read(store, run_id).recipe)
    if not meant:
        raise BadInput(f"the store {store.path} has no run or recipe {name!r}{suggest_of(name, [*_recipes(store, ids), *ids])}")
    return [_read(store, run_id) for run_id in meant]


def _recipes(store: Store, ids: list[str]) -> list[str]:
    found = set()
    for one in ids:
        with contextlib.suppress(BadInput):  # a damaged run must not hide the names of the others
            found.add(_read(store, one).recipe)
    return sorted(found)


def _one_id(store: Store, name: str, ids: list[str]) -> str:
    if not ids:
        require_store(store)
        raise BadInput(f"the store {store.path} has no run {name!r}, nor any other yet; run first: {first_run(store)}")
    if not (meant := one_run(name, ids)):
        raise BadInput(f"the store {store.path} has no run {name!r}{suggest_of(name, ids)}")
    return meant[0]


def _read(store: Store, run_id: str) -> Run:
    run = store.runs.get(run_id)
    if run is None:
        raise BadInput(f"the run {run_id} in {store.path} is gone, or can't be read")
    return run


def _step(store: Store, run: Run, wanted: str, name: str) -> Named:
    steps = _steps(run, wanted)
    if not steps:
        known = suggest_of(step_title(pinned_step(wanted)), [step_title(step) for step in run.pins])
        raise BadInput(f"the run {run.id} has no step {wanted!r}{known}")
    if len(steps) > 1:
        raise BadInput(f"{name} means several steps of {run.id}: {listed(sorted(run_address(run.id, step) for step in steps))}")
    pin = run.pins[steps[0]]
    return Named(store.artifact(pin.artifact), run, steps[0], pin.key)


def _steps(run: Run, wanted: str) -> list[str]:
    """The steps of a run that match a name: the step of that name, else all whose parts begin with the parts of `wanted`."""
    asked = pinned_step(wanted)
    return [asked] if asked in run.pins else steps_beginning(asked, run.pins)


def _some_step(run: Run) -> str:
    return COMPARISON if COMPARISON in run.pins or not run.pins else next(iter(run.pins))


def _by_digest(store: Store, digits: str, name: str) -> Named:
    """The artifact whose manifest digest, or whose recorded key, begins with these digits."""
    objects = objects_beginning(store, digits)
    manifests = [artifact for digest in objects if (artifact := artifact_if_any(store, digest))]
    records = [record for key in keys_beginning(store, digits) for record in store.records.realisations(key)]
    found = [Named(artifact) for artifact in manifests] + [Named(store.artifact(r.artifact), key=r.key) for r in records]
    if len(found) > 1:
        told = [f"artifact {one.artifact.digest[:12]}{f' of key {one.key[:12]}' if one.key else ''}" for one in found]
        raise BadInput(f"{name!r} is ambiguous in the store {store.path}: {listed(told)}")
    if found:
        return found[0]
    if objects:
        raise BadInput(f"{name} is not an artifact but a file of one; sirev store show {objects[0][:12]} says which")
    raise BadInput(f"the store {store.path} has no artifact or key {name!r}; sirev store log lists what it has")


def artifact_if_any(store: Store, digest: str) -> Artifact | None:
    """The artifact of a digest; None for an object that is a file of an artifact. Raises DamagedObject for a damaged object."""
    path = store.objects.path(digest)
    if not is_regular(path) or path.stat().st_size > LARGEST_MANIFEST:
        return None
    try:
        return store.artifact(digest)
    except DamagedObject:
        if sha256_file(path) != digest:
            raise
        return None


def keys_beginning(store: Store, digits: str) -> list[str]:
    """The keys with records that begin with these hexadecimal digits, two at least. Reads one folder."""
    return _beginning(store.path / "records" / digits[:2], digits)


def objects_beginning(store: Store, digits: str) -> list[str]:
    """The digests of objects that begin with these hexadecimal digits, two at least. Reads one folder."""
    return [digits[:2] + rest for rest in _beginning(store.path / "objects" / digits[:2], digits[2:])]


def _beginning(folder: Path, digits: str) -> list[str]:
    try:
        return sorted(name for name in os.listdir(folder) if name.startswith(digits))
    except OSError:
        return []
