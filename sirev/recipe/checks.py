"""Checks between the sections of a recipe: every given field is read, and every required one is given."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from sirev.addresses import Address
from sirev.errors import BadInput
from sirev.fields import Section
from sirev.recipe.complaints import outline
from sirev.recipe.draft import Keys, Source
from sirev.recipe.sections import Grader, LevelsSuite, ProgramGrader, Recipe, TaskSuite
from sirev.tasks.task import Task
from sirev.training_kinds import KINDS

Said = Callable[[Sequence[str]], Any]
"""The value under a key in the recipe's files and overrides; None if there is none."""
Complain = Callable[[Keys, str], None]
"""Raises BadInput about a key, naming its file or override."""

READ_BY = {
    "batch_size": "transformers",
    "gpu_memory": "vllm",
    "eager": "vllm",
    "attention": "vllm",
    "batch_invariant": "vllm",
    "url": "server",
    "concurrency": "server",
    "patience_minutes": "server",
}
"""Settings that only one engine reads."""
LORA_RANKS = 512  # the largest rank that vLLM serves


def check(recipe: Recipe, source: Source, *, trains: bool = True) -> None:
    """Raise BadInput about the first field that nothing reads, or that is needed and missing.

    `trains` is False if models are only evaluated.
    """

    def complain(keys: Keys, why: str) -> None:
        value = source.value(keys)
        shown = f"{outline(value) or value}: " if value is not None else ""
        raise BadInput(f"{source.place(keys)}: {'.'.join(keys)}: {shown}{why}")

    _check_parameters(recipe, source, complain)
    _check_methods(recipe, complain)
    if trains and "train" not in recipe.task.splits:
        complain(("task", "name"), "it has no problems to train on; it can be a suite alongside another task (evaluation.ood)")
    _check_task(recipe, source.value, complain)
    _check_model(recipe, complain)
    _check_decoding(recipe, complain)
    _check_engine(recipe, source.value, complain)


def _check_parameters(recipe: Recipe, source: Source, complain: Complain) -> None:
    """Refuse settings of LoRA without LoRA, and blame the later one of the two conflicting settings."""
    if recipe.training.lora is None or recipe.training.parameters == "lora":
        return
    lora, parameters = ("training", "lora"), ("training", "parameters")
    if source.is_later(parameters, lora):
        complain(parameters, "training.lora would not be read; use --overlay full instead, or add --set training.lora=null")
    complain(lora, "read only with training.parameters: lora")


def _check_methods(recipe: Recipe, complain: Complain) -> None:
    kinds = recipe.kinds()
    training, methods = recipe.training, ", ".join(recipe.methods)
    for kind in KINDS.values():
        if training.of(kind) is not None and kind not in kinds:
            complain(("training", kind.name), f"no method of this recipe reads it (methods: {methods}, T: {recipe.T})")
        if training.of(kind) is None and kind in kinds:
            complain(("training", kind.name), f"missing, and required by the methods {methods}")
    if recipe.schedule is not None and "sft-dpo" not in recipe.methods:
        complain(("schedule",), f"only the method sft-dpo reads it (methods: {methods})")
    if training.memory.precompute_reference and not any(kind.has_reference for kind in kinds):
        able = " or ".join(kind.title for kind in KINDS.values() if kind.has_reference)
        complain(("training", "memory", "precompute_reference"), f"only {able} has a reference (methods: {methods})")
    if len(set(recipe.methods)) < len(recipe.methods):
        complain(("methods",), "a method is named twice")


def _check_task(recipe: Recipe, said: Said, complain: Complain) -> None:
    task = recipe.task
    asked, there = recipe.sampling.problems, task.training_problems
    if asked is not None and there is not None and asked > there:
        complain(("sampling", "problems"), f"the training set has {there} problems (task.train)")
    if recipe.evaluation.split == "dev" and "dev" not in task.splits and task.held_out is None:
        complain(("evaluation", "split"), "needs task.dev, the number of problems to keep out of the training split")
    for field, why in task.unread().items():
        if _changed(task, said, "task", field):
            complain(("task", field), why)
    _check_grader(task, recipe.training.grader, ("training", "grader"), complain)
    _check_grader(task, recipe.evaluation.grader, ("evaluation", "grader"), complain)
    for name, suite in recipe.evaluation.ood.items():
        if isinstance(suite, LevelsSuite) != task.embedded:
            kind = "levels and problems" if task.embedded else "task and grader"
            complain(("evaluation", "ood", name), f"a suite alongside the task {task.name} has {kind}")
        if suite.draws is None and _changed(suite, said, "evaluation", "ood", name, "draws_at"):
            complain(("evaluation", "ood", name, "draws_at"), "read only with draws, the number of answers to a problem")
        if isinstance(suite, TaskSuite):
            _check_grader(suite.task, suite.grader, ("evaluation", "ood", name, "grader"), complain)


def _check_grader(task: Task, grader: Grader, keys: Keys, complain: Complain) -> None:
    runs_programs = isinstance(grader, ProgramGrader)
    if task.programs and not runs_programs:
        complain((*keys, "name"), f"the task {task.name} is graded only by mbpp")
    if runs_programs and task.programs is False:
        complain((*keys, "name"), f"it runs programs, which the task {task.name} does not ask for")


def _changed(section: Section, said: Said, *keys: str) -> bool:
    """Whether a field is given with a value other than its default; a resolved recipe gives every field."""
    return said(keys) not in (None, type(section).model_fields[keys[-1]].default)


def _check_model(recipe: Recipe, complain: Complain) -> None:
    if recipe.model.pretrain is None:
        return
    if not recipe.task.embedded:
        complain(("model", "pretrain"), "a model made here knows only the words of the embedded task")
    sizes = recipe.model.architecture
    if sizes is not None and sizes.heads % sizes.kv_heads:
        complain(("model", "architecture"), f"heads ({sizes.heads}) must be a multiple of kv_heads ({sizes.kv_heads})")
    if sizes is not None and sizes.head_dim % 2:
        complain(("model", "architecture"), f"head_dim ({sizes.head_dim}) must be even: rotary embeddings turn pairs")


def _check_decoding(recipe: Recipe, complain: Complain) -> None:
    if recipe.sampling.temperature == 0:
        complain(("sampling", "temperature"), "training draws need a temperature above 0")
    if recipe.evaluation.draws.temperature == 0:
        complain(("evaluation", "draws", "temperature"), "evaluation draws need a temperature above 0; greedy is always asked")
    sweep = recipe.evaluation.temperatures
    if recipe.evaluation.draws.temperature in sweep:
        complain(("evaluation", "temperatures"), "the draws' own temperature is measured anyway; name others")
    if len(set(sweep)) < len(sweep):
        complain(("evaluation", "temperatures"), "a temperature is named twice")
    longest = max(recipe.sampling.max_new_tokens, recipe.evaluation.draws.max_new_tokens)
    if recipe.engine.context is not None and recipe.engine.context <= longest:
        complain(("engine", "context"), f"leaves no room for a prompt next to {longest} new tokens")


def _check_engine(recipe: Recipe, said: Said, complain: Complain) -> None:
    engine = recipe.engine
    for field, name in READ_BY.items():
        if engine.name != name and _changed(engine, said, "engine", field):
            complain(("engine", field), f"read only with engine.name: {name}")
    if engine.name == "server" and engine.url is None:
        complain(("engine", "url"), "missing: where is the server, such as http://localhost:8000/v1?")
    if engine.url is not None and not _is_address(engine.url):  # its value may be a secret
        complain(
            ("engine", "url"), "not an address such as http://HOST:8000/v1 (in a user's name or password / is %2F and @ is %40)"
        )
    if engine.name == "server" and recipe.training.parameters == "full":
        complain(("engine", "name"), "a server can load M_t's adapter but not its full weights; use vllm or transformers")
    lora = recipe.training.lora
    if lora is not None and engine.name == "vllm" and lora.r > LORA_RANKS:
        complain(("training", "lora", "r"), f"vLLM serves ranks up to {LORA_RANKS}")


def _is_address(url: str) -> bool:
    """Whether a URL names a server; an @ after the host belongs to a password that is not URL-encoded."""
    try:
        Address.of(url)
    except ValueError:
        return False
    return re.fullmatch(r"(?i:https?)://[^\s/?#]+(?:[/?#][^\s@]*)?", url) is not None
