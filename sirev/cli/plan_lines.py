"""The main screen of `sirev plan`: one row per long stage, hours, memory, disk, and assumptions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sirev.api.plan import Plans
from sirev.api.why import explain
from sirev.cli.lines import Line, wrapped
from sirev.cli.units import short_count, size_text, time_in_all
from sirev.cli.why import in_brief
from sirev.execution.estimate import Estimate
from sirev.execution.footprint import GPU_SIZES, Footprint
from sirev.execution.gpus import Gpu
from sirev.execution.history import LONG, RATED
from sirev.execution.hours import StageTime, Target
from sirev.execution.measured_rates import measured_peak
from sirev.execution.model_sizes import shape_of
from sirev.execution.scratch import shared_scratch
from sirev.explain.explanation import Told
from sirev.listing import count_text
from sirev.machine.doctor import gpu_memory_finding, least_tier
from sirev.recipe import Recipe

HEADING = 10
"""Width of the headings below the table."""
_SOURCES = {"given": "--rate", "seen": "seen", "measured": "measured", "table": "table"}
"""Source of a rate -> its name in a row."""


def plan_lines(planned: Plans, estimate: Estimate, target: Target, width: int) -> Iterator[Line]:
    """Yield the main facts, at most 20 lines of 80 columns: cached steps, time of the rest, and whether it fits."""
    counts = {state: sum(of[state] for of in estimate.states.values()) for state in ("hit", "run", "unknown")}
    total = count_text(sum(counts.values()), "step")
    yield Line(f"{planned.recipe.name}: {count_text(len(planned.planners), 'run')}, {total}, {counts['hit']} cached", "bold")
    yield from _stages(planned.recipe, estimate, target)
    if counts["hit"] == sum(counts.values()):
        yield Line("Nothing is left to compute.")
        return
    reasons = _reasons(planned) if _trains(estimate) else ()
    for heading, text in (*_facts(planned, estimate, target), *reasons):
        lines = wrapped(f"{heading.ljust(HEADING)}{text}", width, HEADING)
        yield from (Line(line) for line in lines)


def _trains(estimate: Estimate) -> bool:
    """Whether the plan is that of a loop; `sirev evaluate` has neither --steps of this kind nor a `sirev why`."""
    return "train" in estimate.states


def _stages(recipe: Recipe, estimate: Estimate, target: Target) -> Iterator[Line]:
    """Yield one row per long stage, and one for the others. A shared step counts once."""
    work = {
        "sample": f"{short_count(estimate.answers)} answers, {short_count(estimate.sampled_tokens)} tokens",
        "train": f"{short_count(estimate.examples)} examples, {short_count(estimate.trained_tokens)} tokens",
    }
    fits = _stage_fits(recipe, estimate.footprint, target)
    yield Line(f"{'stage':<7}{'steps':>6}{'cached':>7}{'left':>6}{'hours':>8}  {'rate':<9}{'fits':<7}what", "dim")
    for stage in LONG:
        if (of := estimate.states.get(stage)) is None:
            continue
        left = of["run"] + of["unknown"]
        row = f"{stage:<7}{of['hit'] + left:>6}{of['hit']:>7}{left:>6}"
        if left:
            time = estimate.times.get(stage, StageTime(None, None)) if not lacks(recipe, target) else StageTime(None, None)
            hours, source = "" if time.hours is None else _hours_text(time.hours), _SOURCES[time.source] if time.source else ""
            row += f"{hours:>8}  {source:<9}{fits.get(stage, ''):<7}{work.get(stage, '')}"
        yield Line(row.rstrip())
    quick = [of for stage, of in estimate.states.items() if stage not in LONG]
    hits, left = sum(of["hit"] for of in quick), sum(of["run"] + of["unknown"] for of in quick)
    listed = ": --steps lists all" if _trains(estimate) else ""
    yield Line(f"{'others':<7}{hits + left:>6}{hits:>7}{left:>6}{'':8}  {len(quick)} quick kinds of step{listed}")


def _stage_fits(recipe: Recipe, size: Footprint | None, target: Target) -> dict[str, str]:
    """Stage -> whether it fits on the GPU or, if no memory is known, the smallest GPU on which it does."""
    if size is None or recipe.model.name is None:
        return {}
    asked = {"train": size.trains_on, "sample": size.samples_on} if size.to_sample else {"train": size.trains_on}
    if target.bytes is not None:
        return {stage: "yes" if fits(target.bytes) and not lacks(recipe, target) else "no" for stage, fits in asked.items()}
    least = {stage: next((gb for gb in GPU_SIZES if fits(gb * 1e9)), None) for stage, fits in asked.items()}
    return {stage: f"{gb} GB" if gb else "no" for stage, gb in least.items()}


def _facts(planned: Plans, estimate: Estimate, target: Target) -> Iterator[tuple[str, str]]:
    """Yield heading and text of each line below the table."""
    recipe, size = planned.recipe, estimate.footprint
    unknown = sum(of["unknown"] for of in estimate.states.values())
    if any(of["hit"] for of in estimate.states.values()) and unknown:
        yield "Unknown", f"{unknown} of those left may still be cached, depending on earlier steps"
    if not lacks(recipe, target):
        yield "Hours", _hours(estimate, target)
        if target.gpu is not None and "table" in [estimate.times[stage].source for stage in RATED if stage in estimate.times]:
            yield "Rates", "table: arithmetic, not measured (sirev doctor --gpu-check measures)"
    if size is not None and recipe.model.name is not None:
        yield "Fits", _fits(recipe, size, target)
    scratch = ""
    if size and estimate.steps.get("train"):
        scratch = f"; {size_text(size.scratch)} of checkpoints in {shared_scratch() or 'the temporary folder'}"
    yield "Disk", f"{size_text(estimate.disk_bytes)} in the store{scratch}"
    if (tier := least_tier(recipe)) is not None:
        yield "Sandbox", "none: programs run unconfined" if tier == "C" else f"tier {tier}{' or better' if tier == 'B' else ''}"
    if estimate.assumptions:
        yield "Assumed", "; ".join(estimate.assumptions)


def _hours(estimate: Estimate, target: Target) -> str:
    known = {stage: time.hours for stage, time in estimate.times.items() if time.hours is not None}
    where = ""
    if target.gpu is not None and any(estimate.times[stage].source == "table" for stage in known):
        where = f" on {_with_article(target.gpu)}"
        where += " (assumed; for another: --gpu NAME)" if target.assumed else ""
    if missing := [stage for stage in estimate.times if stage not in known]:
        rates = " ".join(f"--rate {stage}=N" for stage in missing if stage in RATED)
        told = f"{', '.join(missing)} unknown before a first run{f' unless you give {rates} (tokens/s)' if rates else ''}"
        return f"{told}; the rest {time_in_all(estimate.hours)}{where}" if 60 * estimate.hours >= 1 else told
    return f"{time_in_all(estimate.hours)}{where}" if known else "few: nothing to train or sample"


def _with_article(gpu: Gpu) -> str:
    return f"a {gpu.title}" if gpu.title.startswith("T") else f"an {gpu.title}"


def _hours_text(hours: float) -> str:
    return f"{hours:,.1f}" if hours >= 1 else f"{hours:.2f}" if hours >= 0.01 else "<0.01"


def _needed(size: Footprint) -> str:
    """The memory of training and sampling; for batches, that of one answer, since their size can be set."""
    told = [f"{size_text(size.to_train)} to train"] if size.to_train else []
    if not size.to_sample:
        return "; ".join([*told, "a server samples"])
    if size.batch == 1:
        told.append(f"{size_text(size.to_sample)} to sample (estimated)")
    else:
        told.append(f"{size_text(size.weights)} and {size_text(size.answer)} per answer to sample (estimated)")
    return ", ".join(told)


def _fits(recipe: Recipe, size: Footprint, target: Target) -> str:
    """Whether it fits on the GPU, and remedies if not; without a known GPU, the smallest on which it fits."""
    if target.bytes is None:
        least = size.smallest()
        if least is None:
            return f"on no GPU of {GPU_SIZES[-1]} GB or less; {_needed(size)}"
        return f"on {least} GB or more{_at_a_time(size, least * 1e9)}; {_needed(size)}"
    named = target.gpu is not None and not target.assumed
    size_of_it = f"{target.bytes / 1e9:.3g} GB"
    on = f"on {_with_article(target.gpu)} of {size_of_it}" if named and target.gpu else f"on {size_of_it}"
    if lack := lacks(recipe, target):
        return f"{on}: no, {lack}"
    needed = _needed(size) + _measured(recipe, target)
    if size.fits(target.bytes):
        return f"{on}: yes{_at_a_time(size, target.bytes)}; {needed}"
    unfit = [
        word for word, well in (("train", size.trains_on(target.bytes)), ("sample", size.samples_on(target.bytes))) if not well
    ]
    remedies = gpu_memory_finding(recipe, size, target.bytes).remedies
    return f"{on}: no, too little to {' and to '.join(unfit)}; {', or '.join(map(str, remedies))}; {needed}"


def _measured(recipe: Recipe, target: Target) -> str:
    """The measured memory of such a training on the GPU; empty if none was measured."""
    shape, training = shape_of(recipe.model), recipe.training
    if shape is None or target.gpu is None:
        return ""
    checkpointing = training.memory.gradient_checkpointing
    rate = measured_peak(target.gpu, shape.parameters, trained=training.parameters, checkpointing=checkpointing)
    return f"; measured {size_text(rate.peak)} to train {rate.micro_tokens:,} tokens at a time" if rate else ""


def lacks(recipe: Recipe, target: Target) -> str:
    """The requirement of the recipe that the GPU does not meet, with its remedy; "" if none is known."""
    asks = "bfloat16" in (recipe.training.dtype, recipe.engine.dtype)
    return "it can't compute in bfloat16: use a newer GPU" if asks and target.gpu and not target.gpu.bfloat16 else ""


def _at_a_time(size: Footprint, gpu: float) -> str:
    # In vLLM, answers that don't fit wait: it only needs memory for one.
    return f", {size.room(gpu):,} full-length answers at a time" if size.engine == "vllm" else ""


def _reasons(planned: Plans) -> Iterator[tuple[str, str]]:
    """Yield why the first steps would run, if this recipe, or one of the same task and model, has run before."""
    causes = [told for told in explain(planned).causes() if _is_akin(planned, told)]
    if causes:
        more = f"; {count_text(len(causes) - 1, 'more reason')}: sirev why" if len(causes) > 1 else ""
        yield "Because", f"{in_brief(causes[0])}{more}"


def _is_akin(planned: Plans, told: Told) -> bool:
    """Whether a step misses against another run of the same recipe, or of the same task and model."""
    if told.first.cause in ("redo", "damaged"):
        return True
    near = told.first.nearest
    run = planned.store.runs.get(near.run) if near and near.run else None
    if run is None or "samples" in run.settings:  # imported completions have no known recipe
        return False
    return run.recipe == planned.recipe.name or _kind(run.settings) == _kind(planned.recipe.settings())


def _kind(settings: Mapping[str, Any]) -> tuple[Any, ...]:
    return settings["task"].get("name"), settings["model"].get("name"), settings["model"].get("architecture")
