from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import sirev
from sirev.engines.protocol import Prompt
from sirev.parameters import keyed_parameters
from sirev.recipe import load_recipe
from sirev.stages.sample import CELL_DRAWS, CELL_PROBLEMS, grid
from sirev.stages.stage import Stage
from sirev.store.local_files import LocalFiles
from sirev.store.store import Store
from sirev.study.steps import GradedAnswers, ModelWeights, Planned, StepResult, Steps
from tests.conftest import Study, semantic_digests

PROMPTS = [Prompt(f"p{i}", f"{i}?") for i in range(300)]


def draws(n: int) -> list[tuple[str, int]]:
    return [(p.problem_id, cell.first_draw + i) for cell in grid(PROMPTS, n) for p in cell.prompts for i in range(cell.draws)]


def test_the_grid_covers_every_draw_once() -> None:
    for n in (1, 7, 50):
        found = draws(n)
        assert len(found) == len(set(found)) == 300 * n


@pytest.mark.parametrize(("n", "more"), [(8, 16), (16, 32), (50, 64), (64, 80)])
def test_growing_keeps_every_cell(n: int, more: int) -> None:
    before, after = ({(cell.prompts[0], cell.first_draw, cell.draws) for cell in grid(PROMPTS, k)} for k in (n, more))
    assert before < after
    assert sum(draws for _, _, draws in after - before) == 3 * (more - n)  # in three blocks of problems


def test_cells_are_small() -> None:
    assert all(len(c.prompts) <= CELL_PROBLEMS and c.draws <= CELL_DRAWS for c in grid(PROMPTS, 50))


def forget(store: Path, *stages: str, keep_shards: int = 0) -> None:
    """Delete the records of some stages, and of all sampled shards but some, as if they had never run."""
    shards = 0
    for path in sorted((store / "records").rglob("*.json")):
        stage = json.loads(path.read_text())["action"]["stage"]
        shards += stage == "sample-shard"
        if stage in stages or (stage == "sample-shard" and shards > keep_shards):
            path.unlink()
    shutil.rmtree(store / "runs")


def test_more_draws_sample_only_those_that_are_missing(smoke: Study, smoke_copy: Path) -> None:
    store = sirev.Store(smoke_copy)
    shards = {record.key for record in store.records.all() if record.action["stage"] == "sample-shard"}
    (more,) = sirev.iterate("tiny_smoke", methods=["dpo"], overrides=["evaluation.draws.n=24"], store=store)
    added = [r for r in store.records.all() if r.action["stage"] == "sample-shard" and r.key not in shards]
    assert [r.action["parameters"]["first_draw"] for r in added] == [16] * 3  # of each of the three models, one cell
    old, new = smoke.of("dpo").iterations, more.iterations
    assert [i["pass_at_1"] for i in old] == [i["pass_at_1"] for i in new]
    assert set(new[0]["pass_at_n"]) == {"1", "2", "4", "8", "16"}


@pytest.mark.parametrize("keep", [pytest.param(1, marks=pytest.mark.slow), 6, pytest.param(15, marks=pytest.mark.slow)])
def test_shards_from_before_an_interruption_give_the_same_rows(smoke: Study, smoke_copy: Path, keep: int) -> None:
    forget(smoke_copy, "sample", keep_shards=keep)  # some samplings whole, one or the other half done, the rest gone
    sirev.iterate("tiny_smoke", store=smoke_copy)
    assert semantic_digests(sirev.Store(smoke_copy)) == semantic_digests(smoke.store)


@pytest.mark.slow
def test_more_draws_between_the_grids_borders_keep_what_is_there_too(smoke: Study, smoke_copy: Path, tmp_path: Path) -> None:
    store = sirev.Store(smoke_copy)
    for n in (19, 23):
        sirev.iterate("tiny_smoke", methods=["dpo"], overrides=[f"evaluation.draws.n={n}"], store=store)
    shards = [r.action["parameters"] for r in store.records.all() if r.action["stage"] == "sample-shard"]
    grown = sorted({(p["first_draw"], p["n"]) for p in shards if p["first_draw"] >= 16})
    assert grown == [(16, 3), (19, 4)]
    (after,) = [run for run in store.runs.all() if run.settings["evaluation"]["draws"]["n"] == 23]
    at_once = sirev.Store(tmp_path / "at-once")
    sirev.iterate("tiny_smoke", methods=["dpo"], overrides=["evaluation.draws.n=23"], store=at_once)
    (fresh,) = at_once.runs.all()
    rows = [s.artifact(run.pins["sample/test:3"].artifact).semantic for s, run in ((store, after), (at_once, fresh))]
    assert rows[0] == rows[1]


class Noted:
    """An executor that notes the parameters of each step."""

    def __init__(self) -> None:
        self.parameters: dict[str, Any] = {}

    def step(self, name: str, stage: Stage, parameters: Any, inputs: Mapping[str, StepResult]) -> StepResult:
        self.parameters[stage.name] = parameters
        return Planned(name)

    def at_hand(self, name: str, stage: Stage, parameters: Any, inputs: Mapping[str, StepResult]) -> bool:
        return True

    def provenance(self, name: str) -> Mapping[str, Any]:
        return {}


def test_how_answers_are_computed_is_keyed_where_they_do_not_depend_on_the_batch(tmp_path: Path) -> None:
    keyed = []
    for overrides in ([], ["engine.batch_invariant=true"], ["engine.attention=TRITON_ATTN", "gpu=optional"]):
        noted = Noted()
        steps = Steps(load_recipe("mistral_gsm8k", overrides), 0, noted, LocalFiles(Store(tmp_path).objects))
        model = ModelWeights(Planned("train:1"))
        greedy = GradedAnswers(*steps.greedy(1, model), Planned("grade/greedy:1"))
        steps.score(1, "greedy", greedy, model)
        keyed.append([keyed_parameters(noted.parameters[stage]) for stage in ("sample", "score")])
        assert noted.parameters["sample"].options["gpu_required"] is ("gpu=optional" not in overrides)
    assert keyed[0] == keyed[2]
    assert keyed[1] == [{**parameters, "batch_invariant": True} for parameters in keyed[0]]
