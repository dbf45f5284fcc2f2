"""A store that an earlier sirev wrote (tests/store/make_golden.py) is read by this one, and by docs/store.md alone."""

from __future__ import annotations

import ast
import json
import re
import shutil
from collections.abc import Iterable
from pathlib import Path

import pytest

import sirev
from sirev.api.request import Request
from sirev.errors import BadInput
from sirev.grading.graders import GRADERS
from sirev.parameters import keyed_parameters
from sirev.stages import STAGES
from sirev.store.artifacts import MANIFEST_FORMAT, Artifact
from sirev.store.digests import sealed, unsealed
from sirev.store.hollow import HOLLOW_FORMAT
from sirev.store.records import RECORD_FORMAT, Record
from sirev.store.runs import RUN_FORMAT, Pin
from sirev.store.sharing.archive import import_file
from sirev.store.sharing.archive_index import ARCHIVE_FORMAT
from sirev.store.sharing.untrusted import ENDINGS
from sirev.store.store import STORE_FORMAT, Store
from sirev.store.upkeep.keeps import KEEP_FORMAT, Keeps
from sirev.store.upkeep.verify import verify
from tests.conftest import Command, semantic_digests, tree
from tests.store import plain_reader
from tests.store.make_golden import RECIPE, numbers_of
from tests.store.plain_reader import PlainStore

GOLDEN = Path(__file__).parent / "golden"
RUN = "tiny_smoke-sft-s0-239d24cd"
PAGE = (Path(__file__).parents[2] / "docs" / "store.md").read_text()


@pytest.fixture
def golden(tmp_path: Path) -> Path:
    """A private copy."""
    return shutil.copytree(GOLDEN / "store", tmp_path / "golden")


@pytest.fixture
def plain(golden: Path) -> PlainStore:
    return PlainStore(golden)


def records_of(store: Store) -> list[Record]:
    found = [store.records.get(key, artifact) for key, artifact in store.records.names()]
    return [record for record in found if record is not None]


def test_the_golden_store_has_one_of_everything(golden: Path) -> None:
    """What the tests below rely on."""
    store = Store(golden)
    records = records_of(store)
    artifacts = [store.artifact(record.artifact) for record in records]
    assert len(records) == 50
    assert {record.action["stage"] for record in records} > set(STAGES) & {"source", "train", "sample", "grade", "measure"}
    assert any(len(table["parts"]) > 1 for one in artifacts for table in one.manifest["tables"].values())
    assert any(len(one.manifest["files"]) > 1 and not one.manifest["tables"] for one in artifacts)
    assert any("notes" in record.provenance for record in records)
    assert any(len(store.records.realisations(record.key)) == 2 for record in records)
    assert len(list(store.hollow)) == 3
    assert store.runs.ids() == [RUN]
    assert [pin.name for pin in Keeps(golden, store.objects).all()] == ["one-of-everything"]


def test_the_golden_store_verifies(golden: Path) -> None:
    assert verify(Store(golden)).damage == []


def test_every_record_is_found_by_its_key_and_every_file_has_its_bytes(golden: Path, plain: PlainStore) -> None:
    store = Store(golden)
    for record in records_of(store):
        found = store.lookup(record.key)
        assert found is not None
        assert found.digest == plain.realisations(record.key)[0]["artifact"]
        assert store.lookup(record.key, record.artifact) is not None
        assert [r.artifact for r in store.records.realisations(record.key)] == [
            one["artifact"] for one in plain.realisations(record.key)
        ]
        for digest in record.provenance.get("notes", {}).values():
            assert store.objects.checked(digest).read_bytes() == plain.object(digest)
        artifact = store.artifact(record.artifact)
        for name, entry in artifact.manifest["files"].items() if record.artifact not in store.hollow else ():
            assert artifact.path(name).read_bytes() == plain.object(entry["sha256"])


def test_a_reader_written_from_the_document_agrees_with_sirev(golden: Path, plain: PlainStore) -> None:
    store = Store(golden)
    tables = 0
    for record in records_of(store):
        artifact = store.artifact(record.artifact)
        assert plain.manifest(record.artifact) == artifact.manifest
        assert plain.semantic(record.artifact) == artifact.semantic
        for name in artifact.manifest["tables"]:
            assert plain.rows(record.artifact, name) == artifact.rows(name)
            tables += 1
    assert tables > 30
    assert plain.marker["id"] == store.id
    assert plain.hollow == set(store.hollow)
    assert all(not store.artifact(digest).complete() for digest in plain.hollow)
    (pin,) = Keeps(golden, store.objects).all()
    assert plain.pins == {pin.name: {"format": 1, **pin.__dict__}}
    run = store.runs.get(RUN)
    assert run is not None
    told = dict(plain.runs[RUN])
    assert {step: Pin(**one) for step, one in told.pop("pins").items()} == run.pins
    assert told.pop("format") == 1
    assert told == {name: value for name, value in run.__dict__.items() if name != "pins"}


def test_the_reader_knows_nothing_of_sirev() -> None:
    code = ast.parse(Path(plain_reader.__file__).read_text())
    imports = {alias.name for node in ast.walk(code) if isinstance(node, ast.Import) for alias in node.names}
    imports |= {str(node.module) for node in ast.walk(code) if isinstance(node, ast.ImportFrom)}
    assert imports == {"__future__", "hashlib", "json", "pathlib", "typing", "pyarrow.parquet"}


def test_the_golden_archive_is_taken_in(golden: Path, tmp_path: Path) -> None:
    there = Store(tmp_path / "there")
    assert import_file(there, GOLDEN / "store.tar.zst").runs == [RUN]
    assert semantic_digests(there) == semantic_digests(Store(golden))
    assert set(there.hollow) == set(Store(golden).hollow)


def test_reading_the_golden_store_writes_nothing(golden: Path, command: Command) -> None:
    before = tree(golden)
    store = Store(golden)
    for record in records_of(store):
        assert store.lookup(record.key) is not None
    for asked in (("ls",), ("log", "--all"), ("du",), ("show", RUN), ("path", RUN, "compare")):
        done = command("store", *asked, "--store", golden)
        assert (done.returncode, done.stderr) == (0, "")
    assert tree(golden) == before


def test_the_comparison_of_the_golden_run_holds_the_numbers_of_its_report(golden: Path) -> None:
    store = Store(golden)
    run = store.runs.get(RUN)
    assert run is not None
    compared = store.artifact(run.pins["compare"].artifact).json("comparison.json")
    expected = json.loads((GOLDEN / "report.json").read_text())
    greedy = [one["pass_at_1"]["value"] for one in compared["runs"][0]["iterations"]]
    assert greedy == [expected[f"/studies/0/runs/0/iterations/{t}/pass_at_1/value"] for t in range(2)]


def outgrown(records: Iterable[Record]) -> set[str]:
    """Stages whose version, or whose grader's, has moved on since: their results are computed anew by intent."""
    actions = [record.action for record in records]
    versions = {(action["stage"], action["version"]) for action in actions}
    grades = [action["parameters"] for action in actions if action["stage"] == "grade"]
    graders = [(one.get("grader", "final_number"), one.get("grader_version", 1)) for one in grades]
    moved = {"grade"} if any(GRADERS[grader].version != version for grader, version in graders) else set[str]()
    return moved | {name for name, version in versions if name in STAGES and STAGES[name].version != version}


@pytest.fixture
def recipe(golden: Path, tmp_path: Path) -> Path:
    """The recipe of the golden run as it was then, whatever it has become."""
    run = Store(golden).runs.get(RUN)
    assert run is not None
    file = tmp_path / f"{RECIPE}.yaml"
    file.write_text(json.dumps(run.settings))
    return file


@pytest.mark.parametrize("stage", STAGES)
def test_the_golden_run_s_actions_are_those_of_today(golden: Path, recipe: Path, stage: str) -> None:
    """Each stage by itself, so that a new version of one leaves the others under test."""
    store = Store(golden)
    run = store.runs.get(RUN)
    assert run is not None
    records = {step: store.records.get(pin.key, pin.artifact) for step, pin in run.pins.items()}
    of_stage = {step: record for step, record in records.items() if record and record.action["stage"] == stage}
    if not of_stage:
        pytest.skip("the golden run has no step of it")
    if outgrown(of_stage.values()):
        pytest.skip("its version has moved on since")
    request = Request.of(recipe, methods=[run.method], store=store)
    planned = request.planner(request.runs()[0]).steps
    for step, record in of_stage.items():
        assert keyed_parameters(planned[step].parameters) == record.action["parameters"], step
        assert set(planned[step].inputs) == set(record.action["inputs"]), step
        inputs_known = all(isinstance(value, Artifact) for value in planned[step].inputs.values())
        assert planned[step].state == "hit" or not inputs_known or outgrown(r for r in records.values() if r), step


def test_the_golden_run_is_reported(golden: Path, command: Command) -> None:
    if "compare" in outgrown(records_of(Store(golden))):
        pytest.skip("comparisons have moved on since")
    before = tree(golden)
    done = command("report", "--recipe", RECIPE, "--store", golden, "--format", "json")
    assert done.returncode == 0, done.stderr
    numbers = numbers_of(json.loads(done.stdout))
    expected = json.loads((GOLDEN / "report.json").read_text())
    assert {path: numbers.get(path) for path in expected} == pytest.approx(expected)
    assert tree(golden) == before


def test_the_golden_run_is_replayed_as_long_as_its_stages_are_those_of_today(golden: Path, recipe: Path) -> None:
    store = Store(golden)
    run = store.runs.get(RUN)
    assert run is not None
    if moved_on := outgrown(r for pin in run.pins.values() if (r := store.records.get(pin.key, pin.artifact))):
        pytest.skip(f"these stages have moved on since: {', '.join(sorted(moved_on))}")
    before = tree(golden)
    (result,) = sirev.iterate(recipe, methods=[run.method], store=Store(golden))
    assert (result.id, result.computed) == (RUN, ())
    assert tree(golden) == before


@pytest.mark.parametrize(
    ("what", "path", "newest"),
    [
        ("store", "sirev-store.json", STORE_FORMAT),
        ("run", f"runs/{RUN}.json", RUN_FORMAT),
        ("record", "records", RECORD_FORMAT),
        ("pin", "pins/one-of-everything.json", KEEP_FORMAT),
    ],
)
def test_a_newer_format_is_named_and_left_alone(golden: Path, what: str, path: str, newest: int) -> None:
    file = golden / path
    if file.is_dir():
        file = next(file.rglob("*.json"))
    file.write_bytes(sealed({**unsealed(file.read_bytes()), "format": newest + 1}))

    def read() -> None:
        store = Store(golden)
        store.runs.all()
        store.records.all()
        Keeps(golden, store.objects).all()

    with pytest.raises(BadInput, match=rf"format {newest + 1}.*upgrade sirev"):
        read()
    assert json.loads(file.read_text())["format"] == newest + 1


def test_the_document_has_the_formats_of_this_version() -> None:
    told = {what: int(number) for what, number in re.findall(r"^\| (\w+) \| (\d+) \|", PAGE, re.M)}
    assert told == {
        "store": STORE_FORMAT,
        "manifest": MANIFEST_FORMAT,
        "record": RECORD_FORMAT,
        "run": RUN_FORMAT,
        "hollow": HOLLOW_FORMAT,
        "pin": KEEP_FORMAT,
        "archive": ARCHIVE_FORMAT,
    }
    assert all(f"`{ending}`" in PAGE for ending in ENDINGS)
