from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from sirev.stages import compare
from sirev.stages.compare import CompareParameters
from sirev.store.artifacts import Artifact, Output, write_artifact
from sirev.store.digests import canonical_json
from sirev.store.objects import Objects
from tests.metrics.comparison.studies import diversity, draws, greedy

RUNS = [{"method": "sft", "seed": 0, "iterations": [1, 2]}]


def compared(tmp_path: Path, measures: dict[str, Any], **parameters: Any) -> dict[str, Any]:
    objects = Objects(tmp_path)
    inputs: dict[str, Artifact] = {
        name: write_artifact(objects, Output(files={"measures.json": canonical_json({"problems": rows})}))
        for name, rows in measures.items()
    }
    asked = {"runs": RUNS, "suites": ["suite"], "replicates": 200, **parameters}
    context = SimpleNamespace(progress=lambda *_, **__: None)
    data = compare.run(CompareParameters(**asked), inputs, context).files["comparison.json"]  # type: ignore[arg-type]
    assert isinstance(data, bytes)
    told: dict[str, Any] = json.loads(data)
    return told


def test_measures_are_taken_by_method_seed_and_t(tmp_path: Path) -> None:
    measures: dict[str, Any] = {}
    for t, right in ((1, 1), (2, 3)):
        measures |= {
            f"sft/0/{t}/greedy": greedy({"a": t - 1, "b": 1}),
            f"sft/0/{t}/draws": draws(4, {"a": right, "b": 4}),
            f"sft/0/{t}/train": draws(4, {"x": right}),
            f"sft/0/{t}/diversity": diversity(4, {"a": right, "b": 4}, 0.5),
            f"sft/0/{t}/ood/suite": greedy({"c": 1, "d": 0}),
            f"sft/0/{t}/temperature/1.0": draws(4, {"a": 4, "b": 4}),
        }
    told = compared(tmp_path, measures)
    first, last = told["runs"][0]["iterations"]
    assert (first["pass_at_1"]["value"], last["pass_at_1"]["value"]) == (0.5, 1.0)
    assert last["mean_accuracy"]["value"] == 7 / 8
    assert last["coverage"]["mass"]["train"]["value"] == 0.75
    assert last["ood"]["suite"]["accuracy"]["value"] == 0.5
    assert last["temperatures"]["1.0"]["pass_at_n"]["1"]["value"] == 1.0
    assert told["suites"] == ["suite"]
    assert told["settings"]["replicates"] == 200


def test_measures_that_nobody_asked_for_may_be_absent(tmp_path: Path) -> None:
    told = compared(tmp_path, {f"sft/0/{t}/greedy": greedy({"a": 1, "b": 0}) for t in (1, 2)}, suites=[])
    assert told["runs"][0]["iterations"][1]["pass_at_n"]["1"]["reason"] == "no draws were given"


def test_letters_have_no_diversity_and_guesses_are_noted(tmp_path: Path) -> None:
    measures = {
        f"sft/0/{t}/{what}": rows for t in (1, 2) for what, rows in (("greedy", greedy({"a": 1})), ("draws", draws(4, {"a": 2})))
    }
    told = compared(tmp_path, measures, suites=[], answers="letters", guess=0.2)
    found = told["runs"][0]["iterations"][0]["diversity"]["all"]["distinct_n"]["1"]
    assert found["reason"] == "an answer is an option's letter alone"
    assert told["guess"] == 0.2
