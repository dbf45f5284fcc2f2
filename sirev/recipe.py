"""Recipes: what to run. One YAML file, validated here; the stages above take their parameters from it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from sirev.errors import BadInput

Method = Literal["sft", "dpo", "sft-dpo"]
Kind = Literal["sft", "dpo"]
METHODS: tuple[Method, ...] = get_args(Method)

Count = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(gt=0, le=1)]
Weight = Annotated[float, Field(ge=0)]
Rate = Annotated[float, Field(gt=0)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
"""What becomes part of the name of a run or a step, and so of a file."""
Level = Annotated[int, Field(ge=1, le=7)]


class Section(BaseModel):
    """A part of a recipe: unknown fields are errors, and values are not coerced across types."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, defer_build=True)


class StyleWeights(Section):
    """How often the gold solutions of the embedded task use each style of working."""

    long: Weight = 1.0
    step: Weight = 1.0
    end: Weight = 1.0
    sums: Weight = 1.0
    verbal: Weight = 1.0
    pluses: Weight = 1.0

    @model_validator(mode="after")
    def _some(self) -> StyleWeights:
        if not any(self.model_dump().values()):
            raise ValueError("one style at least must have a weight above 0")
        return self


class Task(Section):
    """The embedded task. A problem's level is its number of events."""

    name: Literal["arithmetic"]
    data_seed: Annotated[int, Field(ge=0)] = 0
    levels: Annotated[list[Level], Field(min_length=1)]
    train: Count
    """Problems of the training set D, each with one gold solution."""
    test: Count
    style_weights: StyleWeights = StyleWeights()


class Architecture(Section):
    """Sizes of the embedded Llama."""

    hidden_size: Count = 128
    intermediate_size: Count = 320
    layers: Count = 2
    heads: Count = 4
    kv_heads: Count = 2
    head_dim: Count = 32
    initializer_range: Rate = 0.06
    rope_theta: Rate = 10000.0


class Pretrain(Section):
    """How M0 is made: next-token prediction over the task's own corpus, from random weights."""

    seed: Annotated[int, Field(ge=0)] = 0
    sequences: Count
    levels: Annotated[list[Level], Field(min_length=1)]
    equations_share: Annotated[float, Field(ge=0, le=1)] = 0.2
    batch_size: Count = 16
    learning_rate: Rate = 3e-3
    warmup: Annotated[float, Field(ge=0, lt=1)] = 0.05


class Model(Section):
    """The base model M0."""

    architecture: Architecture = Architecture()
    pretrain: Pretrain


class Select(Section):
    """Which answers become D_t. `unique: false, max_per_problem: null` is the paper's Algorithm 1."""

    unique: bool = False
    max_per_problem: Count | None = None
    """Answers (SFT) or pairs (DPO) kept of each problem, drawn with the run's seed."""


class Optimisation(Section):
    """One training by TRL: AdamW with a fresh state, warmup and a cosine schedule."""

    epochs: Count = 1
    batch_size: Count = 16
    learning_rate: Rate
    warmup: Annotated[float, Field(ge=0, lt=1)] = 0.05


class SftStep(Optimisation):
    """A self-improvement step on the model's own correct answers."""

    select: Select = Select()


class DpoStep(Optimisation):
    """A self-improvement step on pairs of a correct and an incorrect answer; the reference is M_{t-1}."""

    beta: Rate = 0.1
    select: Select = Select()


class Lora(Section):
    """PEFT LoRA; read only with `parameters: lora`."""

    r: Count = 16
    alpha: Count = 32
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    target_modules: list[str] = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


class Training(Section):
    """How M_1 and M_2..M_T are trained."""

    parameters: Literal["full", "lora"] = "full"
    lora: Lora | None = None
    initial: Optimisation
    sft: SftStep | None = None
    dpo: DpoStep | None = None
    grader: Literal["final_number"] = "final_number"
    on_degenerate: Literal["stop", "continue"] = "stop"
    """When D_t is empty or holds nothing new: end the run at M_{t-1}, or go on (an empty D_t leaves M_t = M_{t-1})."""


class Decoding(Section):
    """How answers are drawn at temperature > 0, or greedily at 0."""

    n: Count
    temperature: Annotated[float, Field(ge=0)] = 0.75
    top_p: Share = 0.95
    max_new_tokens: Count


class Sampling(Decoding):
    """The draws that D_t is made from."""

    problems: Count | None = None
    """Only the first so many training problems are asked; null asks all."""


class LevelsSuite(Section):
    """An out-of-distribution suite of the embedded task: other levels than it trains on."""

    levels: Annotated[list[Level], Field(min_length=1)]
    problems: Count


class Evaluation(Section):
    """What is asked of every M_t."""

    draws: Decoding
    ood: dict[Name, LevelsSuite] = {}
    grader: Literal["final_number"] = "final_number"


class Recipe(Section):
    """A validated recipe. `name` is the file's name without its ending."""

    name: Name
    description: str = ""
    task: Task
    model: Model
    methods: Annotated[list[Method], Field(min_length=1)]
    T: Annotated[int, Field(ge=2)]
    """The last model is M_T: T - 1 steps of self-improvement."""
    init_from: Literal["previous", "base"] = "previous"
    """Where M_t starts from: M_{t-1} (the paper's Algorithm 1) or M_0."""
    schedule: Annotated[list[Kind], Field(min_length=1)] | None = None
    """The steps that `sft-dpo` takes in turn; the paper's order is [dpo, sft]."""
    sampling: Sampling
    training: Training
    evaluation: Evaluation
    engine: Literal["transformers"] = "transformers"
    env: Literal["any", "strict"] = "any"
    """`strict` makes the versions of Python and of the packages that compute part of every key."""

    def steps(self, method: Method) -> list[Kind]:
        """F_2 .. F_T of a method."""
        cycle: list[Kind] = (self.schedule or ["dpo", "sft"]) if method == "sft-dpo" else [method]
        return [cycle[i % len(cycle)] for i in range(self.T - 1)]

    def settings(self) -> dict[str, Any]:
        """Every value of the recipe as plain JSON, defaults filled in."""
        return self.model_dump(mode="json")


_SafeLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the C one is ten times as fast, where it was built


class _Loader(_SafeLoader):  # type: ignore[misc]
    """YAML 1.1 reads 5e-4 as text; recipes are full of learning rates."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$"), list("-+0123456789")
)


def recipe_folder() -> Path:
    """The folder of the recipes that come with sirev: the checkout's, or the installed package's."""
    installed = Path(__file__).parent / "recipes"
    return installed if installed.is_dir() else Path(__file__).resolve().parents[1] / "recipes"


def recipe_names() -> list[str]:
    """The names of the recipes that come with sirev."""
    return sorted(path.stem for path in recipe_folder().glob("*.yaml"))


def load_recipe(recipe: str | Path, overrides: Sequence[str] = ()) -> Recipe:
    """Load a recipe by name or path, apply `key.sub=value` overrides, validate it.

    Raises BadInput naming the file (or the override), the key, its value and what is allowed.
    """
    path = find_recipe(recipe)
    try:
        data = yaml.load(path.read_text(), _Loader)
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: can't be read: {error}") from None
    except yaml.YAMLError as error:
        raise BadInput(f"{path}: not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(data, dict):
        raise BadInput(f"{path}: a recipe is a mapping of fields, this is {type(data).__name__}")
    places: dict[tuple[str, ...], str] = {}
    for override in overrides:
        keys = _override(data, override)
        places[keys] = f"--set {override}"
    data.setdefault("name", path.stem)
    try:
        loaded = Recipe.model_validate(data)
    except ValidationError as error:
        raise BadInput(_explain(error, path, places)) from None
    _check_all_read(loaded, data, path, places)
    return loaded


def describe_recipes() -> dict[str, str]:
    """The recipes that come with sirev, by name, with their descriptions."""
    return {name: load_recipe(name).description for name in recipe_names()}


def find_recipe(recipe: str | Path) -> Path:
    """The file of a recipe by name or path; BadInput if there is none."""
    text = str(recipe)
    if text.endswith((".yaml", ".yml")) or "/" in text:
        if not Path(text).is_file():
            raise BadInput(f"no recipe file {text}")
        return Path(text)
    path = recipe_folder() / f"{text}.yaml"
    if not path.is_file():
        raise BadInput(f"unknown recipe {text!r}{suggest(text, recipe_names())}")
    return path


def _override(data: dict[str, Any], override: str) -> tuple[str, ...]:
    """Put one `key.sub=value` into the recipe's data; returns the key's path."""
    name, equals, text = override.partition("=")
    keys = tuple(name.split("."))
    if not equals or not all(keys):
        raise BadInput(f"--set {override}: expected key.sub=value")
    _require_field(Recipe, keys, override)
    try:
        value = yaml.load(text, _Loader)
    except yaml.YAMLError:
        raise BadInput(f"--set {override}: {text!r} is not a YAML value") from None
    place = data
    for key in keys[:-1]:
        if place.get(key) is None:
            place[key] = {}
        if not isinstance(place[key], dict):
            raise BadInput(f"--set {override}: {key} is not a section")
        place = place[key]
    place[keys[-1]] = value
    return keys


def _require_field(section: Any, keys: tuple[str, ...], override: str) -> None:
    for i, key in enumerate(keys):
        fields = _fields_of(section)
        if fields is not None and key not in fields:
            where = ".".join(keys[:i]) or "the recipe"
            raise BadInput(f"--set {override}: {where} has no field {key!r}{suggest(key, list(fields))}")
        section = _inside(section, key)


def _fields_of(annotation: Any) -> dict[str, Any] | None:
    """The fields of the section that an annotation stands for; none for a leaf, None where any key goes (a mapping)."""
    for candidate in (annotation, *get_args(annotation)):
        if isinstance(candidate, type) and issubclass(candidate, BaseModel):
            return dict(candidate.model_fields) if candidate is annotation or type(None) in get_args(annotation) else None
    return {} if annotation in (int, float, str, bool) else None


def _inside(annotation: Any, key: str) -> Any:
    """The annotation of what `key` names in a section or a mapping, None where that is not known."""
    if get_origin(annotation) is dict:
        return get_args(annotation)[1]
    fields = _fields_of(annotation) or {}
    return fields[key].annotation if key in fields else None


def _explain(error: ValidationError, path: Path, places: dict[tuple[str, ...], str]) -> str:
    """The first complaint of pydantic as one line in the recipe's own words."""
    first = error.errors(include_url=False)[0]
    loc = tuple(str(part) for part in first["loc"])
    place = next((text for keys, text in places.items() if loc[: len(keys)] == keys), str(path))
    field = ".".join(loc)
    if first["type"] == "extra_forbidden":
        section: Any = Recipe
        for part in loc[:-1]:
            section = _inside(section, part)
        line = f"{place}: {field}: no such field{suggest(loc[-1], list(_fields_of(section) or {}))}"
    elif first["type"] == "missing":
        line = f"{place}: {field}: missing, and required"
    else:
        reason = first["msg"][0].lower() + first["msg"][1:]
        line = f"{place}: {field}: {first['input']!r} is not allowed: {reason}"
    more = error.error_count() - 1
    return line + (f" (and {more} more)" if more else "")


def _check_all_read(recipe: Recipe, data: dict[str, Any], path: Path, places: dict[tuple[str, ...], str]) -> None:
    """Every field must be read by some method of the recipe, and every section that a method reads must be there."""
    kinds = {kind for method in recipe.methods for kind in recipe.steps(method)}
    training = recipe.training

    def complain(keys: tuple[str, ...], why: str) -> None:
        value: Any = data
        for key in keys:
            value = value[key]
        shown = value if not isinstance(value, dict) else "{" + ", ".join(map(str, value)) + "}"
        place = next((text for k, text in places.items() if k[: len(keys)] == keys[: len(k)]), str(path))
        raise BadInput(f"{place}: {'.'.join(keys)}: {shown}: {why}")

    methods = ", ".join(recipe.methods)
    for kind, step in (("sft", training.sft), ("dpo", training.dpo)):
        if step is not None and kind not in kinds:
            complain(("training", kind), f"no method of this recipe reads it (methods: {methods}, T: {recipe.T})")
        if step is None and kind in kinds:
            raise BadInput(f"{path}: training.{kind}: missing, and required by the methods {methods}")
    if recipe.schedule is not None and "sft-dpo" not in recipe.methods:
        complain(("schedule",), f"only the method sft-dpo reads it (methods: {methods})")
    if training.lora is not None and training.parameters != "lora":
        complain(("training", "lora"), "read only with training.parameters: lora")
    if recipe.sampling.temperature == 0:
        complain(("sampling", "temperature"), "training draws need a temperature above 0")
    if recipe.evaluation.draws.temperature == 0:
        complain(("evaluation", "draws", "temperature"), "evaluation draws need a temperature above 0; greedy is always asked")
    if recipe.sampling.problems is not None and recipe.sampling.problems > recipe.task.train:
        complain(("sampling", "problems"), f"the training set has {recipe.task.train} problems (task.train)")
    if len(set(recipe.methods)) < len(recipe.methods):
        complain(("methods",), "a method is named twice")
    sizes = recipe.model.architecture
    if sizes.heads % sizes.kv_heads:
        complain(("model", "architecture"), f"heads ({sizes.heads}) must be a multiple of kv_heads ({sizes.kv_heads})")
    if sizes.head_dim % 2:
        complain(("model", "architecture"), f"head_dim ({sizes.head_dim}) must be even: rotary embeddings turn pairs")


def suggest(word: str, known: list[str]) -> str:
    """How a line about an unknown name ends: the nearest known one, and all of them."""
    close = difflib.get_close_matches(word, known, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    return f"{hint} (known: {', '.join(known)})" if known else hint
