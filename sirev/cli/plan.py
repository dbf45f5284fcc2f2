"""`sirev plan`: what an `iterate` would compute, whether it fits and what it takes; every step of every run on demand."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from sirev.api.plan import Plans, plans
from sirev.api.request import Request
from sirev.api.why import explain
from sirev.cli.lines import Line, print_styled, wrapped
from sirev.cli.options import check_format
from sirev.cli.units import short_count, size_text, time_in_all
from sirev.cli.why import in_brief
from sirev.errors import BadInput
from sirev.execution.estimate import Estimate
from sirev.execution.footprint import GPU_SIZES, Footprint
from sirev.explain.explanation import Told
from sirev.listing import count_text
from sirev.machine.doctor import could_use_gpu, gpu_memory_finding, least_tier
from sirev.machine.doctor import gpu_memory as memory_of_gpus
from sirev.printing import out_json
from sirev.recipe import Recipe
from sirev.reporting.tables import TextTable
from sirev.reporting.terminal import print_tables
from sirev.store.runs import step_title
from sirev.study.step_names import parse_step

_SCHEMA = 1
"""Version of the JSON form."""
HEADING = 10
"""Columns of the headings below the table."""


def run(
    request: Request, overlays: Sequence[str], rates: Sequence[str], gpu_memory: float | None, steps: bool, form: str
) -> None:
    """Print a row per stage and what the steps to run take; with `steps` a row per step and a column per run."""
    check_format(form)
    throughput = _rates(rates)
    planned = plans(request)
    estimate = planned.estimate(throughput)
    gpu = _gpu_bytes(gpu_memory, overlays)
    if form == "json":
        out_json(_as_json(planned, estimate, gpu))
        return
    if steps:
        print_tables([_every_step(planned.states)])
        return
    print_styled(lambda width: plan_lines(planned, estimate, gpu, width))


def plan_lines(planned: Plans, estimate: Estimate, gpu: float | None, width: int) -> Iterator[Line]:
    """What is asked first, in at most 22 lines of 80 columns: what is cached, how long the rest takes, whether it fits."""
    counts = {state: sum(of[state] for of in estimate.states.values()) for state in ("hit", "run", "unknown")}
    total = count_text(sum(counts.values()), "step")
    yield Line(f"{planned.recipe.name}: {count_text(len(planned.planners), 'run')}, {total}, {counts['hit']} cached", "bold")
    yield from _stages(estimate)
    if counts["hit"] == sum(counts.values()):
        yield Line("Nothing is left to compute.")
        return
    for heading, text in (*_facts(planned, estimate, gpu), *_reasons(planned)):
        lines = wrapped(f"{heading.ljust(HEADING)}{text}", width, HEADING)
        yield from (Line(line) for line in lines)


def _stages(estimate: Estimate) -> Iterator[Line]:
    """A row per stage. A step that several runs share counts once."""
    work = {
        "sample": f"{short_count(estimate.answers)} answers, {short_count(estimate.sampled_tokens)} tokens",
        "train": f"{short_count(estimate.examples)} examples, {short_count(estimate.trained_tokens)} tokens",
    }
    yield Line(f"{'stage':<8}{'steps':>7}{'cached':>8}{'to run':>8}{'unknown':>9}{'hours':>9}  what", "dim")
    for stage, of in estimate.states.items():
        hours = estimate.hours.get(stage)
        left = of["run"] + of["unknown"]
        cells = f"{stage:<8}{sum(of.values()):>7}{of['hit']:>8}{of['run']:>8}{of['unknown']:>9}"
        cells += f"{'' if hours is None or not left else _two_digits(hours):>9}  {work.get(stage, '') if left else ''}"
        yield Line(cells.rstrip())


def _facts(planned: Plans, estimate: Estimate, gpu: float | None) -> Iterator[tuple[str, str]]:
    """Heading and text of each line below the table."""
    recipe, size = planned.recipe, estimate.footprint
    if any(of["hit"] for of in estimate.states.values()) and any(of["unknown"] for of in estimate.states.values()):
        yield "Unknown", "depends on what an earlier step yields; it may still be cached"
    yield "Hours", _hours(estimate)
    trains = size is not None and estimate.steps.get("train")
    scratch = f"; {size_text(size.scratch)} of checkpoints in the temporary folder" if size and trains else ""
    yield "Disk", f"{size_text(estimate.disk_bytes)} in the store{scratch}"
    if size is not None and recipe.model.name is not None:
        estimated = f"{size_text(size.training['activations'])} of activations estimated, not measured"
        yield "Memory", f"{size_text(size.to_train)} to train ({estimated})" + _to_sample(size)
        yield "Fits", _fits(recipe, size, gpu)
    if (tier := least_tier(recipe)) is not None:
        yield "Sandbox", "none: programs run unconfined" if tier == "C" else f"tier {tier}{' or better' if tier == 'B' else ''}"
    if estimate.assumptions:
        yield "Assumed", "; ".join(estimate.assumptions)


def _hours(estimate: Estimate) -> str:
    asked = {stage: hours for stage, hours in estimate.hours.items() if estimate.steps.get(stage)}
    known = {stage: hours for stage, hours in asked.items() if hours is not None}
    told = [f"{_two_digits(hours)} to {stage}" for stage, hours in known.items()]
    if missing := [stage for stage in asked if stage not in known]:
        rates = " ".join(f"--rate {stage}=N" for stage in missing)
        return "; ".join([*told, f"{'the rest ' if told else ''}not known without rates: {rates} (tokens/s)"])
    return f"{', '.join(told)}: {time_in_all(sum(known.values()))}" if told else "few: nothing is to be trained or sampled"


def _two_digits(hours: float) -> str:
    return f"{hours:,.1f}" if hours >= 1 else f"{hours:.2f}"


def _to_sample(size: Footprint) -> str:
    if not size.to_sample:
        return "; a server samples"
    answers = f"{size.answer_tokens:,} tokens"
    held = f"one answer of {answers}" if size.batch == 1 else f"{size.batch:,} answers of {answers}"
    return f", {size_text(size.to_sample)} to sample (weights and {held})"


def _fits(recipe: Recipe, size: Footprint, gpu: float | None) -> str:
    """Whether it fits on a GPU of so many bytes, and if not, what helps; where none is named, on which it fits."""
    if gpu is None:
        least = size.smallest()
        if least is None:
            return f"on no GPU of {GPU_SIZES[-1]} GB or less"
        return f"on {least} GB or more{_at_a_time(size, least * 1e9)}"
    on = f"on {gpu / 1e9:.0f} GB"
    if size.fits(gpu):
        return f"{on}: yes{_at_a_time(size, gpu)}"
    short = [word for word, well in (("train", size.trains_on(gpu)), ("sample", size.samples_on(gpu))) if not well]
    remedies = gpu_memory_finding(recipe, size, gpu).remedies
    return f"{on}: no, too little to {' and to '.join(short)}; {', or '.join(map(str, remedies))}"


def _at_a_time(size: Footprint, gpu: float) -> str:
    # What does not fit waits: vLLM needs no more than one answer's worth.
    return f"; vLLM then samples {size.room(gpu):,} full-length answers at a time" if size.engine == "vllm" else ""


def _reasons(planned: Plans) -> Iterator[tuple[str, str]]:
    """Why the first steps would run, where that says something: of what this recipe has run, or another of its kind."""
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
    if run is None or "samples" in run.settings:  # of completions made elsewhere no recipe is known
        return False
    return run.recipe == planned.recipe.name or _kind(run.settings) == _kind(planned.recipe.settings())


def _kind(settings: Mapping[str, Any]) -> tuple[Any, ...]:
    return settings["task"].get("name"), settings["model"].get("name"), settings["model"].get("architecture")


def _every_step(states: Mapping[str, Mapping[str, str]]) -> TextTable:
    """A row per step, a column per run."""
    steps = list(dict.fromkeys(step for run in states.values() for step in run))
    steps.sort(key=lambda step: max(parse_step(step).turn, 0))
    table = TextTable("Nothing is run", ["step", *states], 1 + len(states))
    table.rows = [[step_title(step), *(run.get(step, "") for run in states.values())] for step in steps]
    counts = Counter(state for run in states.values() for state in run.values())
    table.notes.append(", ".join(f"{counts[state]} {state}" for state in ("hit", "run", "unknown")))
    if counts["unknown"]:
        table.notes.append("unknown: depends on what an earlier step yields; it may still be a hit.")
    return table


def _as_json(planned: Plans, estimate: Estimate, gpu: float | None) -> dict[str, Any]:
    size = estimate.footprint
    found = asdict(estimate) | {"states": estimate.states}
    if size is not None:
        fits = None if gpu is None else size.fits(gpu)
        totals = {"to_train": size.to_train, "to_sample": size.to_sample, "scratch": size.scratch}
        found["footprint"] = {**asdict(size), **totals, "smallest_gpu_gb": size.smallest(), "gpu_bytes": gpu, "fits": fits}
    stages = found.pop("states")
    return {"schema": _SCHEMA, "recipe": planned.recipe.name, "stages": stages, "runs": planned.states, "estimate": found}


def _gpu_bytes(asked: float | None, overlays: Sequence[str]) -> float | None:
    """Bytes of the GPU that is planned for: as asked, or as an overlay such as 24gb says, else of the one here, if any."""
    if asked is not None:
        return asked * 1e9
    for overlay in overlays:
        if named := re.fullmatch(r"(\d+)gb", overlay):
            return int(named[1]) * 1e9
    return gpus[0][1] if could_use_gpu() and (gpus := memory_of_gpus()) else None


def _rates(given: Sequence[str]) -> dict[str, float]:
    found = {}
    for one in given:
        stage, _, rate = one.partition("=")
        try:
            found[stage] = float(rate)
        except ValueError:
            found[stage] = 0.0
        if stage not in ("sample", "train") or not found[stage] > 0:
            raise BadInput(f"--rate {one}: expected sample=TOKENS/S or train=TOKENS/S, such as sample=9000")
    return found
