"""Overrides, single settings laid over a recipe: `key.sub=value`, or a mapping in Python."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml

from sirev.errors import BadInput
from sirev.recipe.draft import SUITE_KEYS, Keys, Source
from sirev.recipe.structure import annotation_at, fields, places_of
from sirev.recipe.yaml_reading import NotPlainYaml, parse_yaml
from sirev.suggest import did_you_mean, is_word_for, nearest, suggest

Overrides = Mapping[str, Any] | Sequence[str] | str
"""`["training.sft.learning_rate=1e-4"]`, one such text, or a mapping: {"T": 3, "training": {"sft": {"epochs": 2}}}."""

OPTIONS = {"seed": "--seed", "seeds": "--seed", "store": "--store", "overlay": "--overlay", "overlays": "--overlay"}
"""Settings that are not part of a recipe -> their command-line options."""


def override_list(overrides: Overrides) -> list[str]:
    """Overrides as a list of `key.sub=value`; the values of a mapping become JSON, which is YAML.

    Raises BadInput if a value is not JSON.
    """
    if isinstance(overrides, str):
        return [overrides]
    if not isinstance(overrides, Mapping):
        return list(overrides)
    return [f"{key}={_json(key, value)}" for key, value in _leaves(overrides)]


def _leaves(settings: Mapping[Any, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in settings.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, f"{name}.")
        else:
            yield name, value


def _json(key: str, value: Any) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, default=_plain)
    except (TypeError, ValueError):
        raise BadInput(f"overrides: {key}: {value!r} can't be a setting: numbers, texts, lists and mappings can") from None


def _plain(value: Any) -> Any:
    """A path as text, and NumPy's numbers and arrays as Python's. Raises TypeError for other types."""
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError


def model_overrides(model: str | os.PathLike[str] | None) -> list[str]:
    """The overrides for which `--model ORGANISATION/NAME[@REVISION]` or `--model FOLDER` is short; BadInput if it is empty."""
    if model is None:
        return []
    name, revision = os.fspath(model), ""
    if "@" in name and not name.startswith((".", "/", "~")) and not os.path.exists(name):
        name, _, revision = name.rpartition("@")
    if not name.strip():
        raise BadInput("--model: expected ORGANISATION/NAME, ORGANISATION/NAME@REVISION or a folder")
    named = [f"model={_as_text(name)}"]
    return [*named, f"model.revision={_as_text(revision)}"] if revision else named


def with_model(model: str | os.PathLike[str] | None, overrides: Overrides) -> list[str]:
    """All overrides, the model's first, so that others may refine it. BadInput if both name a model."""
    others = override_list(overrides)
    for override in others if model is not None else ():
        if override.partition("=")[0] in ("model", "model.name"):
            raise BadInput(f"--model {model} and --set {override} both name the model; leave one out")
    return [*model_overrides(model), *others]


def _as_text(text: str) -> str:
    """A text as YAML for this same text: 1e3 and null may be names."""
    try:
        return text if parse_yaml(text) == text else json.dumps(text, ensure_ascii=False)
    except (yaml.YAMLError, ValueError, RecursionError):
        return json.dumps(text, ensure_ascii=False)


def lay_over(source: Source, override: str) -> None:
    """Lay one `key.sub=value` over the recipe. Raises BadInput if there is no such field, or the value is not YAML."""
    name, equals, text = override.partition("=")
    keys = tuple(name.split("."))
    if not equals or not all(keys):
        raise BadInput(f"--set {override}: expected key.sub=value")
    _require_field(source, keys, override)
    try:
        value = parse_yaml(text)
    except NotPlainYaml as error:
        raise BadInput(f"--set {name}: {error}") from None
    except (yaml.YAMLError, ValueError, RecursionError):
        raise BadInput(f"--set {override}: {text!r} is not a YAML value") from None
    there = source.value(SUITE_KEYS)
    suites = list(there) if isinstance(there, dict) else []
    if keys[:-1] == SUITE_KEYS and value is None and keys[-1] not in suites:
        raise BadInput(f"--set {override}: there is no suite {keys[-1]!r} to remove{suggest(keys[-1], suites)}")
    for end in range(1, len(keys)):
        there = source.value(keys[:end])
        if there is not None and not isinstance(there, dict):
            raise BadInput(f"--set {override}: {keys[end - 1]} is not a section")
        if there is None:
            source.merge({keys[end - 1]: {}}, f"--set {override}", keys[: end - 1])
    source.merge({keys[-1]: value}, f"--set {override}", keys[:-1])


def _require_field(source: Source, keys: Keys, override: str) -> None:
    for i, key in enumerate(keys):
        known = fields(annotation_at(source, keys[:i]), source.value(keys[:i]))
        if known is not None and key not in known:
            where = ".".join(keys[:i]) or "the recipe"
            raise BadInput(f"--set {override}: {where} has no field {key!r}{_hint(source, keys, i, list(known))}")


def _hint(source: Source, keys: Keys, i: int, known: list[str]) -> str:
    """A hint for an unknown key: a field at its place, an option, or a field of that name elsewhere."""
    key, rest = keys[i], keys[i + 1 :]
    if is_word_for(key, known):
        return suggest(key, known)
    if i == 0 and key.casefold() in OPTIONS:
        return f"; that is a separate option: {OPTIONS[key.casefold()]}"
    elsewhere = places_of(key, source)
    below = [path for path in elsewhere if path.startswith(".".join((*keys[:i], "")))]
    if not elsewhere or (not below and nearest(key, known)):
        return suggest(key, known)
    return did_you_mean([".".join((path, *rest)) for path in below or elsewhere])
