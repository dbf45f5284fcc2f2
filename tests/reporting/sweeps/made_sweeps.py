"""Sweeps with synthetic measures, finished and unfinished."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from sirev.reporting.summary import Report
from sirev.reporting.sweeps.sweep_report import SweepReport
from sirev.reporting.sweeps.swept_studies import RunProgress, SweptStudy
from sirev.store.runs import Pin, Run
from sirev.study.step_names import COMPARISON, DRAWS, GREEDY_ANSWERS, measuring_step
from tests.metrics.comparison.studies import study
from tests.reporting.test_sections import shown

PIN = Pin("0" * 64, "0" * 64)
T = 2
"""T of the synthetic studies."""


def progress(method: str, seed: int, state: Any = "complete", measured: int = T, recipe: str = "r", **of_run: Any) -> RunProgress:
    """A run with a given state and number of measured models."""
    pins = {measuring_step(what, t): PIN for what in (GREEDY_ANSWERS, DRAWS) for t in range(1, measured + 1)}
    pins |= {COMPARISON: PIN} if state in ("complete", "stopped") else {}
    status = state if state in ("complete", "stopped") else "running"
    run = Run(f"{recipe}-{method}-s{seed}-0a1b2c3d", recipe, method, seed, 1, {}, "2026", status=status, pins=pins, **of_run)
    return RunProgress(run, state, T)


@cache
def _compared(methods: Sequence[str], seeds: Sequence[int], **made: Any) -> Any:
    return shown(study(np.random.default_rng(1), 200, 16, methods=methods, seeds=seeds, **made))


def swept(
    model: str = "llama", task: str = "sums", *, settings: Mapping[str, str] | None = None, late: Sequence[RunProgress] = (),
    methods: Sequence[str] = ("sft", "dpo"), seeds: Sequence[int] = (0, 1, 2), **made: Any,
) -> SweptStudy:  # fmt: skip
    """A study with finished runs of `methods` and `seeds`, and the unfinished runs `late`; `made` are its effects."""
    recipe = f"{model}_{task}"
    finished = [progress(method, seed, recipe=recipe) for method in methods for seed in seeds]
    compared: Any = None
    if methods:
        compared = copy.deepcopy(_compared(tuple(methods), tuple(seeds), **made))
        compared["recipe"] = recipe
        for run in compared["runs"]:
            run["iterations"] = [{**one, "training": None} for one in run["iterations"]]
            run |= {"recipe": recipe, "id": f"{recipe}-{run['method']}-s{run['seed']}-0a1b2c3d"}
    return SweptStudy(recipe, model, task, settings or {}, (*finished, *late), compared)


def stopped(of: SweptStudy, seeds: Sequence[int], reason: str = f"t = {T + 1}: no pair") -> SweptStudy:
    """The study, with these seeds' runs of its methods stopped before M_`T + 1`."""

    def early(one: RunProgress) -> RunProgress:
        return replace(one, run=replace(one.run, status="stopped", reason=reason), state="stopped", T=T + 1)

    chosen = [one.run.method in of.methods and one.run.seed in seeds for one in of.progress]
    return replace(of, progress=tuple(early(one) if its else one for one, its in zip(of.progress, chosen, strict=True)))


def report_of(*studies: SweptStudy, section: str | None = None, missing: Sequence[str] = ()) -> SweepReport:
    """The report of a sweep of these studies."""
    found = [of.study for of in studies if of.study is not None]
    return SweepReport(Path("grid.yaml"), studies, Report(found, section, missing=tuple(missing)))
