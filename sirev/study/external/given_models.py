"""Models trained elsewhere, as a user names them: a Hub repository, a folder, an adapter on its base."""

from __future__ import annotations

import contextlib
import fnmatch
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sirev import hub
from sirev.errors import BadInput
from sirev.listing import listed
from sirev.recipe.sections import Model
from sirev.stages.model import ModelParameters
from sirev.store.local_files import LocalFiles
from sirev.study.external.given_names import check_steps
from sirev.study.inputs import given_model_parameters

Note = Callable[[str], None]
"""Receives one line of information for the user."""
_FORMS = "ORG/NAME[@REVISION], FOLDER, or either with @BASE for an adapter"


def unheard(line: str) -> None:
    """Ignore a note."""


@dataclass(frozen=True)
class GivenModel:
    """A model under the name of its step; `base` only where the user names an adapter's base."""

    step: str
    weights: Model
    base: Model | None = None

    @property
    def sized_by(self) -> Model:
        """The model whose size it has, as far as its user says: the base, for an adapter."""
        return self.base or self.weights

    def settings(self) -> dict[str, Any]:
        """The model's names, as part of a run's settings."""
        found = {"step": self.step, **_named(self.weights)}
        return {**found, "base": _named(self.base)} if self.base is not None else found


def _named(model: Model) -> dict[str, Any]:
    return model.model_dump(include={"name", "revision"}, exclude_none=True)


def given_models(
    steps: Mapping[str, str | os.PathLike[str]], revisions: Sequence[str] = (), note: Note = unheard
) -> list[GivenModel]:
    """The models of `steps` in their order, then those of `revisions`, ORG/NAME@PATTERN; BadInput names the mistake."""
    found = [given_model(step, given) for step, given in steps.items()]
    for pattern in revisions:
        for model in models_at(pattern, note):
            if any(model.step == other.step for other in found):
                at = f"{model.weights.name}@{model.weights.revision}"
                raise BadInput(
                    f"--steps {pattern}: there is a step {model.step!r} already; narrow the pattern, and name that revision with "
                    f"--step NAME={at}"
                )
            found.append(model)
    check_steps(model.step for model in found)
    if not found:
        raise BadInput(f"name a step and its model: --step STEP=MODEL, where MODEL is {_FORMS}")
    return found


def given_model(step: str, given: str | os.PathLike[str]) -> GivenModel:
    """The model named by `ORG/NAME[@REVISION][@BASE]` or `FOLDER[@BASE]`.

    Text after a repository's @ is a revision unless it has a slash; `refs/pr/1` is a revision too. Raises BadInput for a revision
    that is also a folder here.
    """
    text = os.fspath(given)
    if isinstance(given, Path) and not given.is_dir() and not hub.is_local(text):
        text = f"./{text}"  # a Path is never a repository, even if it doesn't exist
    with complaints_of(step):
        weights, rest = _first(text)
        base, left = _first(rest) if rest else (None, "")
    ends_open = text.endswith("@") and not any(model and (model.name or "").endswith("@") for model in (weights, base))
    if ends_open or left or not all(model.name for model in (weights, base) if model):
        raise BadInput(f"step {step}: {text!r} names no model: expected {_FORMS}")
    return GivenModel(step, weights, base)


def _first(text: str) -> tuple[Model, str]:
    """The model at the beginning of a text, and the text after its @."""
    ends = [len(text), *(found.start() for found in re.finditer("@", text))]
    folders = [end for end in ends if os.path.isdir(os.path.expanduser(text[:end]))]
    end = max(folders) if folders else min(ends)
    name, rest = text[:end], text[end + 1 :]
    word, _, after = rest.partition("@")
    if not word or hub.is_local(name) or (("/" in word and not word.startswith("refs/")) or word.startswith("~")):
        return Model(name=name), rest
    if os.path.isdir(word):
        raise BadInput(f"{name}@{word}: {word} may be a revision or the folder here; for the folder say {name}@./{word}")
    return Model(name=name, revision=word), after


def contents(given: GivenModel, local: LocalFiles) -> list[ModelParameters]:
    """The content of a model, independent of its place, and of the base that a user names; BadInput names the step."""
    with complaints_of(given.step):
        return [given_model_parameters(one, local) for one in (given.weights, given.base) if one is not None]


@contextlib.contextmanager
def complaints_of(step: str) -> Iterator[None]:
    """Let BadInput about a model name the step that it was given for."""
    try:
        yield
    except BadInput as error:
        raise BadInput(f"step {step}: {without_key(error)}") from None


def without_key(error: BadInput) -> str:
    """The error's message without the key of a recipe that it begins with."""
    return re.sub(r"^model(\.\w+)?: ", "", str(error))


def models_at(given: str, note: Note = unheard) -> list[GivenModel]:
    """The models at the matching revisions of a repository, ORG/NAME@PATTERN, each named by its revision.

    `note` is called where the Hub could not be asked for its revisions. Raises BadInput where none matches.
    """
    repository, at, pattern = given.partition("@")
    if not (repository and at and pattern) or hub.is_local(repository):
        raise BadInput(f"--steps {given}: expected ORG/NAME@PATTERN, such as ORG/NAME@step-*")
    try:
        known, silent = hub.revisions(repository)
    except BadInput as error:
        raise BadInput(f"--steps {given}: {error}") from None
    found = sorted(set(fnmatch.filter(known, pattern)), key=_natural)
    if not found:
        some = f" (known: {', '.join(sorted(known, key=_natural)[:5])})" if known else ""
        raise BadInput(f"--steps {given}: no branch or tag of {repository} matches {pattern!r}{some}")
    if silent is not None:
        note(f"--steps {given}: the Hub was not asked ({silent}); of its revisions this machine has {listed(found)}")
    return [GivenModel(revision, Model(name=repository, revision=revision)) for revision in found]


def _natural(text: str) -> list[tuple[bool, int, str]]:
    """A sort key that puts step-2 before step-10."""
    return [(part.isdecimal(), int(part) if part.isdecimal() else 0, part) for part in re.split(r"(\d+)", text)]
