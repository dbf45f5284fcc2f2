from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sirev.errors import BadInput, SirevError
from sirev.explain.lookup import artifact_named, named, run_named, runs_named
from sirev.listing import LISTED
from sirev.store.artifacts import Artifact, Output
from sirev.store.digests import canonical_json, sha256
from sirev.store.objects import DamagedObject
from sirev.store.runs import Pin, Run, pinned_step, run_address, step_title
from sirev.store.store import Store

STEPS = ("pretrain:0", "train:2", "sample/train:2", "sample/test:2", "sample/test/greedy:2", "source/test", "compare")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def made(store: Store, name: str, seed: int = 0) -> Artifact:
    return store.publish({"stage": name, "seed": seed}, Output(files={"file": f"{name} {seed}".encode()}))


def run_of(store: Store, run_id: str, recipe: str = "tiny", time: str = "2026-01-01") -> Run:
    """A run with an artifact for each of STEPS."""
    run = Run(run_id, recipe, "sft", 0, 1, {}, invocation=time, status="complete")
    for step in STEPS:
        artifact = made(store, f"{run_id}/{step}")
        (record,) = [r for r in store.records.all() if r.artifact == artifact.digest]
        run.pins[step] = Pin(record.key, artifact.digest)
    store.runs.save(run)
    return run


def refused(function: Callable[[Store, Any], object], store: Store, name: Any, kind: type[SirevError] = BadInput) -> str:
    with pytest.raises(kind) as caught:
        function(store, name)
    line = str(caught.value)
    assert "\n" not in line
    return line


def test_a_run_goes_by_its_id_or_by_the_beginning_that_it_alone_has(store: Store) -> None:
    run_of(store, "tiny-sft-s0-aaaa")
    run_of(store, "tiny-sft-s0-aaaa-r2")
    assert run_named(store, "tiny-sft-s0-aaaa").id == "tiny-sft-s0-aaaa"  # though another one begins so
    assert run_named(store, "tiny-sft-s0-aaaa-").id == "tiny-sft-s0-aaaa-r2"
    assert "several runs begin with 'tiny-sft': tiny-sft-s0-aaaa, tiny-sft-s0-aaaa-r2" in refused(run_named, store, "tiny-sft")


def test_an_unknown_run_is_answered_by_the_nearest_ones_and_not_by_all_there_are(store: Store) -> None:
    for number in range(20):
        store.runs.save(Run(f"tiny-sft-s{number}", "tiny", "sft", number, 1, {}, invocation=f"{number}"))
    line = refused(run_named, store, "tiny-stf-s3")
    assert "did you mean 'tiny-sft-s3'?" in line
    assert line.endswith(f"and {20 - LISTED} more)")
    assert line.count("tiny-sft-s") == LISTED + 1
    named_there = line.partition("(known: ")[2].partition(" and ")[0].split(", ")
    assert named_there == sorted(named_there)
    assert f"and {20 - LISTED} more" in refused(run_named, store, "tiny")


def test_an_empty_store_has_no_run_and_says_so(store: Store) -> None:
    assert runs_named(store, []) == []
    for name in ("tiny", "", "../../etc/passwd"):
        assert f"there is no store in {store.path}" in refused(run_named, store, name)


def test_runs_go_by_recipe_by_beginning_and_all_together(store: Store) -> None:
    run_of(store, "tiny-sft-s0-bbbb", time="2026-01-02")
    run_of(store, "tiny-dpo-s0-bbbb", time="2026-01-01")
    run_of(store, "tiny-too-sft-s0-cccc", recipe="tiny-too", time="2026-01-03")

    def ids(*names: str) -> list[str]:
        return [run.id for run in runs_named(store, names)]

    assert ids() == ["tiny-dpo-s0-bbbb", "tiny-sft-s0-bbbb", "tiny-too-sft-s0-cccc"]
    assert ids("tiny") == ["tiny-dpo-s0-bbbb", "tiny-sft-s0-bbbb"]  # not the runs of another recipe that begins so
    assert ids("tiny-too", "tiny-dpo-s0-bbbb", "tiny-d") == ["tiny-dpo-s0-bbbb", "tiny-too-sft-s0-cccc"]
    assert "has no run or recipe 'tinny'; did you mean 'tiny'" in refused(runs_named, store, ["tiny", "tinny"])


def test_a_damaged_run_is_in_nobodys_way_but_its_own(store: Store) -> None:
    run_of(store, "tiny-sft-s0-dddd")
    run_of(store, "small-sft-s0-dddd", recipe="small")
    (store.path / "runs" / "small-sft-s0-dddd.json").chmod(0o644)
    (store.path / "runs" / "small-sft-s0-dddd.json").write_text("{")
    assert [run.id for run in runs_named(store, ["tiny"])] == ["tiny-sft-s0-dddd"]
    assert "small-sft-s0-dddd.json is damaged" in refused(runs_named, store, ["small"])


@pytest.mark.parametrize(
    ("name", "step"),
    [
        ("tiny:train:2", "train:2"),
        ("tiny:2:train", "train:2"),
        ("tiny:02:train", "train:2"),
        ("tiny:train", "train:2"),
        ("tiny:0:pretrain", "pretrain:0"),
        ("tiny:sample/test:2", "sample/test:2"),
        ("tiny:2:sample/test", "sample/test:2"),  # and not sample/test/greedy, which begins so
        ("tiny:2:sample/test/greedy", "sample/test/greedy:2"),
        ("tiny:source", "source/test"),
        ("tiny:source/test", "source/test"),
        ("tiny:compare", "compare"),
    ],
)
def test_an_artifact_goes_by_run_and_step(store: Store, name: str, step: str) -> None:
    run = run_of(store, "tiny-sft-s0-eeee")
    found = named(store, name)
    assert found.artifact.digest == run.pins[step].artifact
    assert found.run is not None
    assert (found.run.id, found.step, found.key) == (run.id, step, run.pins[step].key)


@pytest.mark.parametrize("step", STEPS)
def test_what_is_printed_of_a_step_is_its_address(store: Store, step: str) -> None:
    run = run_of(store, "tiny-sft-s0-abcd")
    found = named(store, run_address(run.id, step))
    assert (found.step, pinned_step(step_title(step))) == (step, step)
    t = step.partition(":")[2]
    assert run_address(run.id, step).split(":")[1] == (t or step)


def test_several_steps_are_listed_and_an_unknown_one_gets_a_suggestion(store: Store) -> None:
    run_of(store, "tiny-sft-s0-ffff")
    line = refused(artifact_named, store, "tiny:2:sample")
    steps = ("2:sample/test", "2:sample/test/greedy", "2:sample/train")
    assert line.endswith(": " + ", ".join(f"tiny-sft-s0-ffff:{step}" for step in steps))
    for wanted in ("2:trian", "trian:2"):
        assert "did you mean '2:train'" in refused(artifact_named, store, f"tiny:{wanted}")
    for wanted in ("", "3:train", "sam", ":"):
        assert "has no step" in refused(artifact_named, store, f"tiny:{wanted}")
    assert "has no run 'tinny'" in refused(artifact_named, store, "tinny:2:train")
    assert "name a step of it, such as tiny-sft-s0-ffff:compare" in refused(artifact_named, store, "tiny-sft")


def test_an_artifact_goes_by_digest_by_key_and_by_the_beginning_of_either(store: Store) -> None:
    artifact = made(store, "train")
    (record,) = store.records.all()
    for name in (artifact.digest, artifact.digest[:6], artifact.digest[:12].upper()):
        assert named(store, name).artifact.manifest == artifact.manifest
        assert named(store, name).key is None
    for name in (record.key, record.key[:6]):
        assert named(store, name).artifact.digest == artifact.digest
        assert named(store, name).key == record.key
    for name in (artifact.digest[:5], "", "*" * 64, "zzzzzz", "../../etc/passwd"):
        assert "has no artifact" in refused(artifact_named, store, name)
    missing = ("0" if artifact.digest[0] != "0" else "1") * 6
    assert f"has no artifact or key '{missing}'" in refused(artifact_named, store, missing)


def test_a_beginning_of_several_artifacts_lists_them(store: Store) -> None:
    seen: dict[str, int] = {}
    for seed in range(1_000_000):  # a like pair comes after some five thousand
        content = f"train {seed}".encode()
        files = {"file": {"sha256": sha256(content), "size": len(content)}}
        beginning = sha256(canonical_json({"format": 1, "files": files, "tables": {}}))[:6]
        if beginning in seen:
            break
        seen[beginning] = seed
    pair = [made(store, "train", one).digest for one in (seen[beginning], seed)]
    line = refused(artifact_named, store, beginning)
    assert all(f"artifact {digest[:12]}" in line for digest in pair)
    longer = next(n for n in range(7, 64) if pair[0][:n] != pair[1][:n])
    assert artifact_named(store, pair[1][:longer]).digest == pair[1]


def test_a_key_with_several_realisations_is_not_guessed_at(store: Store) -> None:
    first = store.publish({"stage": "sample"}, Output(files={"file": b"one"}))
    second = store.publish({"stage": "sample"}, Output(files={"file": b"two"}))
    key = store.records.all()[0].key
    line = refused(artifact_named, store, key[:8])
    assert f"artifact {first.digest[:12]} of key {key[:12]}, artifact {second.digest[:12]} of key {key[:12]}" in line
    assert artifact_named(store, second.digest).digest == second.digest


def test_a_file_of_an_artifact_is_no_artifact(store: Store) -> None:
    digest = made(store, "train").manifest["files"]["file"]["sha256"]
    assert "is not an artifact but a file of one" in refused(artifact_named, store, digest)
    large, _ = store.objects.add(b'{"format":1,"files":{},"tables":{}}' + b" " * (65 << 20))  # never read as a manifest
    assert "is not an artifact but a file of one" in refused(artifact_named, store, large[:9])


def test_a_damaged_manifest_is_one_line_whatever_it_is_called_by(store: Store) -> None:
    run = run_of(store, "tiny-sft-s0-9999")
    digest = run.pins["train:2"].artifact
    store.objects.path(digest).chmod(0o644)
    store.objects.path(digest).write_bytes(b"{}")
    fresh = Store(store.path)
    for name in (digest, digest[:6], run.pins["train:2"].key, "tiny:2:train"):
        assert f"{digest[:12]}" in refused(artifact_named, fresh, name, DamagedObject)
    store.objects.path(digest).unlink()
    assert "is missing" in refused(artifact_named, Store(store.path), "tiny:2:train", DamagedObject)
