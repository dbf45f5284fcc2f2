"""`sirev plan`: steps that `iterate` would compute, their time and memory; on demand every step of every run."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from sirev.api.plan import Plans, plans
from sirev.api.request import Request
from sirev.cli.lines import print_styled
from sirev.cli.options import check_format
from sirev.cli.plan_lines import lacks, plan_lines
from sirev.errors import BadInput
from sirev.execution.estimate import Estimate
from sirev.execution.gpus import gpu_named, gpu_of_driver, usual_gpu
from sirev.execution.history import RATED
from sirev.execution.hours import ELSEWHERE_CORES, Target
from sirev.machine.doctor import could_use_gpu, gpu_in_use
from sirev.printing import out_json
from sirev.processes.spawning import cores
from sirev.recipe import Recipe
from sirev.reporting.tables import TextTable
from sirev.reporting.terminal import print_tables
from sirev.store.runs import step_title
from sirev.study.step_names import parse_step

_SCHEMA = 2
"""Version of the JSON form; docs/planning.md describes it."""


def run(
    request: Request,
    overlays: Sequence[str],
    rates: Sequence[str],
    gpu: str | None,
    gpu_memory: float | None,
    steps: bool,
    form: str,
) -> None:
    """Print one row per stage and the cost of the steps to run; with `steps`, one row per step and one column per run."""
    check_format(form)
    throughput = given_rates(rates)
    target = target_of(request.recipe, gpu, gpu_memory, overlays)
    planned = plans(request)
    estimate = planned.estimate(throughput, target)
    if form == "json":
        out_json(_as_json(planned, estimate, target))
        return
    if steps:
        print_tables([_every_step(planned.states)])
        return
    print_styled(lambda width: plan_lines(planned, estimate, target, width))


def _every_step(states: Mapping[str, Mapping[str, str]]) -> TextTable:
    """A table with one row per step and one column per run."""
    steps = list(dict.fromkeys(step for run in states.values() for step in run))
    steps.sort(key=lambda step: max(parse_step(step).turn, 0))
    table = TextTable("Nothing is run", ["step", *states], 1 + len(states))
    table.rows = [[step_title(step), *(run.get(step, "") for run in states.values())] for step in steps]
    counts = Counter(state for run in states.values() for state in run.values())
    table.notes.append(", ".join(f"{counts[state]} {state}" for state in ("hit", "run", "unknown")))
    if counts["unknown"]:
        table.notes.append("unknown: depends on the result of an earlier step; it may still be a hit.")
    return table


def _as_json(planned: Plans, estimate: Estimate, target: Target) -> dict[str, Any]:
    size = estimate.footprint
    found = asdict(estimate) | {"hours": estimate.hours}
    if size is not None:
        fits = None if target.bytes is None else size.fits(target.bytes) and not lacks(planned.recipe, target)
        totals = {"to_train": size.to_train, "to_sample": size.to_sample, "scratch": size.scratch}
        found["footprint"] = {**asdict(size), **totals, "smallest_gpu_gb": size.smallest(), "fits": fits}
    stages = found.pop("states")
    gpu = {"name": target.gpu.name if target.gpu else None, "bytes": target.bytes, "here": target.here, "assumed": target.assumed}
    told = {"recipe": planned.recipe.name, "gpu": gpu, "stages": stages, "runs": planned.states, "estimate": found}
    return {"schema": _SCHEMA, **told}


def target_of(recipe: Recipe, named: str | None, memory: float | None, overlays: Sequence[str]) -> Target:
    """The machine of a plan: with the named GPU, else with one of the given memory or that of an overlay such as 24gb,
    else this machine; without a GPU here, if the recipe requires one, with a usual GPU of 80 GB."""
    sizes = [int(found[1]) for overlay in overlays if (found := re.fullmatch(r"(\d+)gb", overlay))]
    gb = memory if memory is not None else sizes[0] if sizes and named is None else None
    here = gpu_in_use() if could_use_gpu() else None
    if named is not None:
        gpu = gpu_named(named)
        if here is not None and gpu_of_driver(here[0]) == gpu:
            return Target(gpu, gb * 1e9 if gb else here[1], cores=cores())
        return Target(gpu, gb * 1e9 if gb else gpu.bytes, here=False, cores=ELSEWHERE_CORES)
    if gb is not None:
        return Target(usual_gpu(gb), gb * 1e9, here=False, assumed=True, cores=ELSEWHERE_CORES)
    if here is not None:
        return Target(gpu_of_driver(here[0]), here[1], cores=cores())
    if recipe.gpu == "required":
        return Target(usual_gpu(80), here=False, assumed=True, cores=ELSEWHERE_CORES)
    return Target(cores=cores())


def given_rates(given: Sequence[str]) -> dict[str, float]:
    """Stage ("sample" or "train") -> tokens per second, from `--rate` options; BadInput if one is malformed."""
    found = {}
    for one in given:
        stage, _, rate = one.partition("=")
        try:
            found[stage] = float(rate)
        except ValueError:
            found[stage] = 0.0
        if stage not in RATED or not found[stage] > 0:
            raise BadInput(f"--rate {one}: expected sample=TOKENS/S or train=TOKENS/S, such as sample=9000")
    return found
