"""The JSON schema of recipe files, for completion and checks in editors.

No field is required here: a file may leave out the fields of its `defaults`, and an overlay nearly all fields. The assembled
recipe is checked as a whole (`sirev.recipe.checks`).
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from sirev.fields import Section
from sirev.recipe.draft import SHORT, SUITE_KEYS
from sirev.recipe.sections import Recipe
from sirev.shipped import names_in, recipe_folder

_DRAFT = "http://json-schema.org/draft-07/schema#"
"""Some editors don't read later drafts."""
_OWN_FUNCTION = {"type": "string", "pattern": ":", "description": "Your own function: package.module:NAME or file.py:NAME."}


def recipe_schema() -> dict[str, Any]:
    """The schema of recipe files, defaults and overlays."""
    found = Recipe.model_json_schema(schema_generator=_OfFiles, ref_template="#/definitions/{model}")
    definitions = found.pop("$defs")
    sections = (found, *definitions.values())
    for section in sections:
        for key in SHORT:
            asked = section["properties"].get(key, {})
            if kinds := _kinds(asked):
                section["properties"][key] = _said(asked, [*_names(key, kinds, definitions), *kinds])
    for section in sections:
        section.pop("required", None)
    suites = definitions["Evaluation"]["properties"][SUITE_KEYS[-1]]
    for name, suite in suites["patternProperties"].items():
        suites["patternProperties"][name] = _or_null(suite)
    suites["additionalProperties"] = False
    definitions["Evaluation"]["properties"][SUITE_KEYS[-1]] = _or_null(suites)
    defaults = {
        "description": "What the recipe builds on, first things first: names of those that come with sirev, or paths of files.",
        "type": "array",
        "items": {"anyOf": [{"enum": names_in(recipe_folder() / "defaults")}, {"type": "string"}]},
    }
    properties = {"defaults": defaults, **found.pop("properties")}
    words = {"title": "Recipe of sirev", "description": "What to run: a recipe, what recipes build on, or an overlay."}
    return {"$schema": _DRAFT, **found, **words, "properties": properties, "definitions": definitions}


class _OfFiles(GenerateJsonSchema):
    """Sections whose fields are described by their docstrings, and unions without a discriminator."""

    def model_schema(self, schema: Any) -> dict[str, Any]:
        found = super().model_schema(schema)
        words = _words_of_fields(schema["cls"])
        for name, field in schema["cls"].model_fields.items():
            if name in words:
                found["properties"][field.alias or name]["description"] = words[name]
        return found

    def tagged_union_schema(self, schema: Any) -> dict[str, Any]:
        return {"anyOf": super().tagged_union_schema(schema)["oneOf"]}  # a section without its name may be of several kinds

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False  # "Max New Tokens" says no more than max_new_tokens


def _kinds(asked: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The kinds of section that a field may hold; empty if it holds no section."""
    return [{"$ref": member["$ref"]} for member in asked.get("anyOf", [asked]) if "$ref" in member]


def _names(key: str, kinds: Sequence[Mapping[str, Any]], definitions: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Schemas of a section's short form: a kind that needs only its name, any model's name, or a grader's function."""
    sections = [definitions[kind["$ref"].rpartition("/")[2]] for kind in kinds]
    named = [one["properties"]["name"] for one in sections if set(one.get("required", ())) <= {"name"}]
    known = [name for one in named for name in one.get("enum", [one["const"]] if "const" in one else [])]
    texts: dict[str, Any] = {"enum": known} if known else {"type": "string"}
    return [texts, _OWN_FUNCTION] if key == "grader" else [texts]


def _or_null(asked: Mapping[str, Any]) -> dict[str, Any]:
    return _said(asked, [*asked.get("anyOf", [asked]), {"type": "null"}])


def _said(asked: Mapping[str, Any], kinds: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A field that may be of several kinds, with its description and default."""
    return {key: asked[key] for key in ("description", "default") if key in asked} | {"anyOf": list(kinds)}


def _words_of_fields(section: type[Section]) -> dict[str, str]:
    """Field -> the docstring below it, in the section's class or in a base class."""
    words: dict[str, str] = {}
    for base in reversed(section.__mro__):
        if not issubclass(base, Section):
            continue
        (declared,) = ast.parse(textwrap.dedent(inspect.getsource(base))).body
        assert isinstance(declared, ast.ClassDef)
        for field, below in zip(declared.body, declared.body[1:], strict=False):
            if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and isinstance(below, ast.Expr):
                said = below.value
                if isinstance(said, ast.Constant) and isinstance(said.value, str):
                    words[field.target.id] = " ".join(said.value.split())
    return words
