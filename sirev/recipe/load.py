"""Reading of recipes: YAML, the files it builds on, overlays and overrides, and what is said of a mistake."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import yaml
from pydantic import ValidationError

from sirev.errors import BadInput
from sirev.recipe.checks import check
from sirev.recipe.fields import Section
from sirev.recipe.sections import Recipe
from sirev.recipe.suggest import suggest
from sirev.recipe.tasks import DEFAULT_GRADERS

KEPT = ("dtype", "context")
"""What stays of an engine's settings when another engine takes its place."""

Keys = tuple[str, ...]
SHORT = ("model", "engine", "grader")
"""Sections that may be written as their name alone: `model: mistralai/Mistral-7B-v0.1`."""
NO_SECTION = ("evaluation", "embedding", "model")
"""A field of the same name that is a name already."""

_SafeLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the C one is ten times as fast, where it was built


class _Loader(_SafeLoader):  # type: ignore[misc]
    """YAML 1.1 reads 5e-4 as text; recipes are full of learning rates."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$"), list("-+0123456789")
)


def recipe_folder() -> Path:
    """The folder of the recipes that come with sirev: the checkout's, or the installed package's."""
    installed = Path(__file__).parents[1] / "recipes"
    return installed if installed.is_dir() else Path(__file__).resolve().parents[2] / "recipes"


def recipe_names() -> list[str]:
    """The names of the recipes that come with sirev."""
    return _names_in(recipe_folder())


class Source:
    """A recipe as it is put together: its data, and for every key which file or override it came from."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.data: dict[str, Any] = {}
        self._origins: dict[Keys, str] = {}
        self._order: list[str] = []

    def merge(self, data: Mapping[str, Any], origin: str, keys: Keys = ()) -> None:
        """Lay `data` over what is there: mappings key by key, everything else as a whole."""
        self._order.append(origin)
        place = self.data
        for key in keys:
            place = place[key]
        for key, value in data.items():
            here = (*keys, str(key))
            if here[-1] in SHORT and here != NO_SECTION and isinstance(value, str):
                # Another model has no use for this one's revision, another engine none for its memory.
                before = place.get(key)
                kept = {field: v for field, v in before.items() if field in KEPT} if isinstance(before, dict) else {}
                value = {"name": value, **(kept if key == "engine" else {})}
                place.pop(key, None)
            if isinstance(value, dict) and isinstance(place.get(key), dict):
                self.merge(value, origin, here)
            else:
                place[key] = {} if isinstance(value, dict) else value
                if isinstance(value, dict):
                    self.merge(value, origin, here)
            self._origins[here] = origin

    def place(self, keys: Sequence[str]) -> str:
        """Where a key was said, or where it would have to be."""
        for end in range(len(keys), 0, -1):
            if origin := self._origins.get(tuple(keys[:end])):
                return origin
        return str(self.path)

    def origins(self) -> list[str]:
        """The files and overrides that it was put together from, first things first."""
        return list(dict.fromkeys(self._order))

    def value(self, keys: Sequence[str]) -> Any:
        """What was said under a key; None if nothing was."""
        found: Any = self.data
        for key in keys:
            found = found.get(key) if isinstance(found, dict) else None
        return found


def load_recipe(recipe: str | Path, overrides: Sequence[str] = (), overlays: Sequence[str | Path] = ()) -> Recipe:
    """Load a recipe by name or path, lay overlays and `key.sub=value` overrides over it, validate it.

    Raises BadInput naming the file (or the override), the key, its value and what is allowed.
    """
    source = read_recipe(recipe, overrides, overlays)
    try:
        loaded = Recipe.model_validate(source.data)
    except ValidationError as error:
        raise BadInput(_explain(error, source)) from None

    def complain(keys: Keys, why: str) -> None:
        value = source.value(keys)
        shown = f"{_outline(value) or value}: " if value is not None else ""
        raise BadInput(f"{source.place(keys)}: {'.'.join(keys)}: {shown}{why}")

    check(loaded, source.value, complain)
    return loaded


def read_recipe(recipe: str | Path, overrides: Sequence[str] = (), overlays: Sequence[str | Path] = ()) -> Source:
    """A recipe put together but not validated: the files it names under `defaults`, itself, overlays, overrides."""
    source = Source(find_recipe(recipe))
    own = _read(source.path)
    names = own.pop("defaults", [])
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise BadInput(f"{source.path}: defaults: a list of names of files in {recipe_folder() / 'defaults'}")
    for path in (_part("defaults", name) for name in names):
        source.merge(_read(path), str(path))
    source.merge({"name": source.path.stem, **own}, str(source.path))
    for path in (_part("overlays", overlay) for overlay in overlays):
        source.merge(_read(path), str(path))
    for override in overrides:
        _override(source, override)
    task = source.value(("task", "name"))
    if grader := DEFAULT_GRADERS.get(task) if isinstance(task, str) else None:
        for part in ("training", "evaluation"):
            if isinstance(source.data.get(part), dict):
                source.data[part].setdefault("grader", {"name": grader})
    return source


def describe_recipes() -> dict[str, str]:
    """The recipes that come with sirev, by name, with their descriptions."""
    return {name: str(read_recipe(name).data.get("description", "")) for name in recipe_names()}


def overlay_names() -> dict[str, str]:
    """The overlays that come with sirev, by name, with the comment at their top."""
    files = sorted((recipe_folder() / "overlays").glob("*.yaml"))
    return {path.stem: path.read_text().partition("\n")[0].lstrip("# ") for path in files}


def _read(path: Path) -> dict[str, Any]:
    try:
        data = yaml.load(path.read_text(), _Loader)
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: can't be read: {error}") from None
    except yaml.YAMLError as error:
        raise BadInput(f"{path}: not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(data, dict):
        raise BadInput(f"{path}: a recipe is a mapping of fields, this is {type(data).__name__}")
    return {key: _beside(path, value) for key, value in data.items()}


def _beside(path: Path, value: Any) -> Any:
    """A value of a recipe's file in which paths that begin with ./ or ../ start from the file's own folder."""
    if isinstance(value, dict):
        return {key: _beside(path, one) for key, one in value.items()}
    if isinstance(value, str) and value.startswith(("./", "../")):
        return str((path.parent / value).resolve())
    return value


def find_recipe(recipe: str | Path) -> Path:
    """The file of a recipe by name or path; BadInput if there is none."""
    return _file(recipe, recipe_folder(), "recipe", f"unknown recipe {str(recipe)!r}")


def _part(kind: str, name: str | Path) -> Path:
    """The file of a named default or overlay."""
    return _file(name, recipe_folder() / kind, kind, f"unknown name {str(name)!r} in {kind}")


def _file(name: str | Path, folder: Path, kind: str, unknown: str) -> Path:
    """A YAML file by its path, or by its name in a folder of those that come with sirev."""
    text = str(name)
    if text.endswith((".yaml", ".yml")) or "/" in text:
        if not Path(text).is_file():
            raise BadInput(f"no {kind} file {text}")
        return Path(text)
    path = folder / f"{text}.yaml"
    if not path.is_file():
        raise BadInput(f"{unknown}{suggest(text, _names_in(folder))}")
    return path


def _names_in(folder: Path) -> list[str]:
    return sorted(path.stem for path in folder.glob("*.yaml"))


def _override(source: Source, override: str) -> None:
    """Lay one `key.sub=value` over the recipe."""
    name, equals, text = override.partition("=")
    keys = tuple(name.split("."))
    if not equals or not all(keys):
        raise BadInput(f"--set {override}: expected key.sub=value")
    _require_field(source, keys, override)
    try:
        value = yaml.load(text, _Loader)
    except yaml.YAMLError:
        raise BadInput(f"--set {override}: {text!r} is not a YAML value") from None
    for end in range(1, len(keys)):
        there = source.value(keys[:end])
        if there is not None and not isinstance(there, dict):
            raise BadInput(f"--set {override}: {keys[end - 1]} is not a section")
        if there is None:
            source.merge({keys[end - 1]: {}}, f"--set {override}", keys[: end - 1])
    source.merge({keys[-1]: value}, f"--set {override}", keys[:-1])


def _require_field(source: Source, keys: Keys, override: str) -> None:
    annotation: Any = Recipe
    for i, key in enumerate(keys):
        fields = _fields(annotation, source.value(keys[:i]))
        if fields is not None and key not in fields:
            where = ".".join(keys[:i]) or "the recipe"
            raise BadInput(f"--set {override}: {where} has no field {key!r}{suggest(key, list(fields))}")
        annotation = _inside(annotation, key, source.value(keys[:i]))


def _sections(annotation: Any, value: Any) -> list[type[Section]]:
    """The sections that an annotation stands for: of several, those whose `name` is the one in `value`."""
    if get_origin(annotation) is Annotated:
        return _sections(get_args(annotation)[0], value)
    if get_origin(annotation) in (Union, UnionType):
        found = [section for one in get_args(annotation) for section in _sections(one, value)]
        named = [s for s in found if isinstance(value, dict) and value.get("name") in _names(s)]
        return named or found
    return [annotation] if isinstance(annotation, type) and issubclass(annotation, Section) else []


def _names(section: type[Section]) -> tuple[Any, ...]:
    return get_args(section.model_fields["name"].annotation) if "name" in section.model_fields else ()


def _fields(annotation: Any, value: Any) -> dict[str, Any] | None:
    """Field -> annotation of the section that an annotation stands for; none for a leaf, None where any key goes."""
    sections = _sections(annotation, value)
    if sections:
        return {f.alias or name: f.annotation for section in sections for name, f in section.model_fields.items()}
    return {} if annotation in (int, float, str, bool) else None


def _inside(annotation: Any, key: str, value: Any) -> Any:
    """The annotation of what `key` names in a section or a mapping, None where that is not known."""
    if get_origin(annotation) is dict:
        return get_args(annotation)[1]
    return (_fields(annotation, value) or {}).get(key)


def _explain(error: ValidationError, source: Source) -> str:
    """The first complaint of pydantic as one line in the recipe's own words."""
    first = error.errors(include_url=False)[0]
    keys = _without_tags(first["loc"], source)
    place, field = source.place(keys), ".".join(keys)
    if first["type"] == "extra_forbidden":
        annotation: Any = Recipe
        for i, key in enumerate(keys[:-1]):
            annotation = _inside(annotation, key, source.value(keys[:i]))
        known = list(_fields(annotation, source.value(keys[:-1])) or {})
        line = f"{place}: {field}: no such field{suggest(keys[-1], known)}"
    elif first["type"] in ("missing", "union_tag_not_found"):
        named = field if first["type"] == "missing" else f"{field}.name"
        line = f"{place}: {named}: missing, and required"
    elif first["type"] == "union_tag_invalid":
        tag = str(first["ctx"]["tag"])
        known = [name.strip().strip("'") for name in first["ctx"]["expected_tags"].split(",")]
        line = f"{source.place((*keys, 'name'))}: {field}.name: unknown name {tag!r}{suggest(tag, known)}"
    else:
        reason = first["msg"].removeprefix("Value error, ")
        value = _outline(first["input"]) or repr(first["input"])
        line = f"{place}: {field}: {value} is not allowed: {reason[0].lower() + reason[1:]}"
    more = error.error_count() - 1
    return line + (f" (and {more} more)" if more else "")


def _outline(value: Any) -> str | None:
    """A section by its fields alone; None for what is no section."""
    return "{" + ", ".join(map(str, value)) + "}" if isinstance(value, dict) else None


def _without_tags(loc: Sequence[str | int], source: Source) -> Keys:
    """A place in the recipe's own keys: pydantic also names the kind of task or suite that it took a section for."""
    keys: list[str] = []
    for part in map(str, loc):
        there = source.value(keys)
        is_kind = isinstance(there, dict) and part not in there and part == there.get("name")
        if not is_kind and not part.endswith(" suite"):
            keys.append(part)
    return tuple(keys)
