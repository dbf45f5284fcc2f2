"""The card of a published model: identity, results, training, and the two commands that check it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sirev.engines.vllm_start import RANKS
from sirev.hub import ADAPTER_CONFIG, hub_data, link
from sirev.listing import seeds_text
from sirev.reporting.cards.published_model import RECIPE_FILE, PublishedModel, check_in_words
from sirev.reporting.facts import model_in_words
from sirev.reporting.gathering import training_of
from sirev.reporting.headline import as_text, study_screen
from sirev.reporting.papers.spent import (
    gpu_in_words,
    hours_in_words,
    processor_in_words,
    time_in_words,
    time_of,
    unmeasured_in_words,
)
from sirev.reporting.pass_at_1 import pass_at_1_source
from sirev.reporting.sections.accuracy import pass_at_1_table
from sirev.reporting.sections.run_rows import RunData, Study
from sirev.reporting.sections.verdicts import outcome_rows
from sirev.reporting.tables import ABSENT, TextTable, markdown
from sirev.store.sharing.hub_card import TAG, card_bytes, commands_block, made_by
from sirev.study.step_names import parse_step, training_step
from sirev.study.trained_models import model_steps

_HEADING = {True: "an adapter (PEFT) on", False: "a fine-tune of"}


def model_card(model: PublishedModel, study: Study, check: Sequence[str], data_sets: Sequence[str]) -> bytes:
    """The README.md of a model. `check` are the commands that check it, `data_sets` its training sets on the Hub."""
    return card_bytes(
        _front_matter(model, study, data_sets),
        f"# {model.repository.partition('/')[2]}",
        _what_it_is(model),
        "## Results",
        _results(model, study),
        "## Training",
        _training(model),
        "## Check it",
        _check(model, check),
        "## Use it",
        _use(model),
        made_by(),
    )


def _front_matter(model: PublishedModel, study: Study, data_sets: Sequence[str]) -> Any:
    from huggingface_hub import ModelCardData

    base = model.base
    named = {} if base is None else {"base_model_relation": "adapter" if model.adapter else "finetune", **base.licence}
    return ModelCardData(
        base_model=base.name if base else None,
        datasets=list(data_sets) or None,
        library_name="peft" if model.adapter else "transformers",
        pipeline_tag="text-generation",
        tags=list(dict.fromkeys([TAG, "self-improvement", "trl", *(["lora"] if model.adapter else []), *model.tags])),
        model_name=model.repository.partition("/")[2],
        eval_results=_eval_results(model, study) or None,
        **named,
    )


def _eval_results(model: PublishedModel, study: Study) -> list[Any]:
    from huggingface_hub import EvalResult

    run = _run(model, study)
    value = next((one["pass_at_1"]["value"] for one in run["iterations"] if one["t"] == model.t), None)
    if value is None:  # M_0 is not evaluated
        return []
    data = model.settings["task"].get("data") or {}
    return [
        EvalResult(
            task_type="text-generation",
            task_name="Text generation",
            dataset_type=hub_data(data) or model.task_name or model.task,
            dataset_name=model.task,
            dataset_split=model.settings["evaluation"]["split"],
            metric_type="accuracy",
            metric_name=f"pass@1, {pass_at_1_source([run])} (%)",
            metric_value=round(100 * value, 2),
        )
    ]


def _run(model: PublishedModel, study: Study) -> RunData:
    return next(run for run in study["runs"] if run["id"] == model.run.id)


def _what_it_is(model: PublishedModel) -> str:
    base = model.base
    at = f" at commit `{base.commit}`" if base and base.commit else ""
    origin = f"{_HEADING[model.adapter]} {link('model', base.name)}{at}" if base else _pretrained(model)
    task = model.task
    licence = f" Its licence is that of its base, `{base.licence['license']}`." if base and "license" in base.licence else ""
    return f"M_{model.t} of the run `{model.run.id}`: {origin}, {_how_made(model, task)}.{licence}"


def _pretrained(model: PublishedModel) -> str:
    return f"{'' if model.t == 0 else 'full weights from '}{model_in_words(model.settings)}"


def _how_made(model: PublishedModel, task: str) -> str:
    if model.t == 0:
        last = max(parse_step(step).t or 0 for step in model_steps(model.run))  # a run may stop before T
        return f"from which {f'M_1 to M_{last}' if last > 1 else 'M_1'} on {task} {'were' if last > 1 else 'was'} trained"
    return f"trained by iterative self-improvement ({model.run.method}, t = {model.t}, seed {model.run.seed}) on {task}"


def _results(model: PublishedModel, study: Study) -> str:
    last = _run(model, study)["iterations"][-1]["t"]
    note = "" if model.t == last else f"The headline is about M_{last}, the last model of the run.\n\n"
    seeds = sorted({run["seed"] for run in study["runs"] if not run["null"]} | _seeds(model, study))
    tables = markdown([pass_at_1_table(study["runs"]), outcome_rows([study])])
    screen = as_text(study_screen(study)).strip("\n")
    return f"{note}```\n{screen}\n```\n\n{tables}\nSeeds that the headline rests on: {seeds_text(seeds)}."


def _seeds(model: PublishedModel, study: Study) -> set[int]:
    return {int(seed) for one in study["methods"] if one["method"] == model.run.method for seed in one["seeds"]}


def _training(model: PublishedModel) -> str:
    table = TextTable("Steps", ["M_t", "trained by", "hardware", "examples", "optimizer steps", "tokens", "hours"], 3)
    history = model.history()
    for entry in history:
        name = parse_step(entry.users[0][1])
        if entry.stage not in ("pretrain", "train") or name.t is None:
            continue
        row = training_of(model.store, model.run, name.t) if str(name) == training_step(name.t) else None
        counts = [row["examples"], row["steps"], row["tokens"]] if row else [None] * 3
        shown = [ABSENT if count is None else f"{count:,}" for count in counts]
        record = model.record(entry)
        hardware = (gpu_in_words(record) or processor_in_words(record)) if record else ABSENT
        hours = ABSENT if entry.seconds is None else hours_in_words(entry.seconds / 3600)
        table.rows.append([f"M_{name.t}", row["by"] if row else entry.stage, hardware, *shown, hours])
    records = [record for entry in history if (record := model.record(entry))]
    sampling = [record for record in records if record.action["stage"] in ("sample", "score")]
    time = time_of(records)
    unmeasured = unmeasured_in_words(time, len(history) - len(records))
    recipe = model.settings.get("description") or ""
    return "\n\n".join(
        [
            f"Recipe `{model.run.recipe}`{f': {recipe}' if recipe else ''}. All its settings are in `{RECIPE_FILE}`.",
            markdown([table]).strip(),
            f"Up to M_{model.t}: {time_in_words(time)}; of these, sampling and scoring: {time_in_words(time_of(sampling))}."
            f"{f' Not in it: {unmeasured}.' if unmeasured else ''}",
        ]
    )


def _check(model: PublishedModel, check: Sequence[str]) -> str:
    versions = {str((entry.provenance or {}).get("packages", {}).get("sirev")) for entry in model.history()} - {"None"}
    weights = [(name, entry["sha256"]) for name, entry in sorted(model.artifact.manifest["files"].items())]
    identity = TextTable("Identity", ["what", "value"], 2)
    identity.rows = [
        ["sirev that trained it", ", ".join(sorted(versions)) or ABSENT],
        ["key of the training", f"`{model.key}`"],
        ["digest of the artifact", f"`{model.artifact.digest}`"],
        *([f"sha256 of {name}", f"`{digest}`"] for name, digest in weights if name.endswith(".safetensors")),
    ]
    return "\n\n".join(
        [
            check_in_words(model, check),
            "On the processor that made it, training on a CPU gives the same bytes; on a GPU the last digits of weights "
            "differ. Greedy answers are then the same but for rounding. Draws are others.",
            markdown([identity]).strip(),
        ]
    )


def _use(model: PublishedModel) -> str:
    loader = "AutoPeftModelForCausalLM" if model.adapter else "AutoModelForCausalLM"
    imports = [f"from peft import {loader}", "from transformers import AutoTokenizer"]
    lines = ["```python", *(imports if model.adapter else [f"from transformers import {loader}, AutoTokenizer"]), ""]
    loaded = f'.from_pretrained("{model.repository}")'
    lines += [f"model = {loader}{loaded}", f"tokenizer = AutoTokenizer{loaded}", "```"]
    serve = f"vllm serve {model.repository}"
    if model.adapter and model.base:
        rank = next((limit for limit in RANKS if limit >= model.artifact.json(ADAPTER_CONFIG)["r"]), RANKS[-1])
        at = f" --revision {model.base.commit}" if model.base.commit else ""
        serve = f"vllm serve {model.base.name}{at} --enable-lora --max-lora-rank {rank} --lora-modules m={model.repository}"
    return "\n".join([*lines, "", commands_block(serve)])


def recipe_file(model: PublishedModel) -> bytes:
    """The run's settings as a recipe, in YAML."""
    import yaml

    return yaml.safe_dump(model.settings, sort_keys=False, allow_unicode=True).encode()
