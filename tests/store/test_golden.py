"""A store that an earlier sirev wrote (tests/store/make_golden.py) is read by this one, and by docs/store.md alone."""

from __future__ import annotations

import ast
import json
import re
import shutil
from pathlib import Path

import pytest

import sirev
from sirev.errors import BadInput
from sirev.stages import STAGES
from sirev.store.artifacts import MANIFEST_FORMAT
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


def test_the_golden_run_is_reported_and_replayed_as_long_as_its_stages_are_those_of_today(
    golden: Path, tmp_path: Path, command: Command
) -> None:
    """The one test here that stages may outgrow: when a stage's version moves on, its results are computed anew by intent."""
    store = Store(golden)
    run = store.runs.get(RUN)
    assert run is not None
    records = [store.records.get(pin.key, pin.artifact) for pin in run.pins.values()]
    outgrown = {r.action["stage"] for r in records if r and STAGES[r.action["stage"]].version != r.action["version"]}
    if outgrown:
        pytest.skip(f"these stages have moved on since: {', '.join(sorted(outgrown))}")
    before = tree(golden)
    told = command("report", "--recipe", RECIPE, "--store", golden, "--format", "json")
    assert told.returncode == 0, told.stderr
    numbers = numbers_of(json.loads(told.stdout))
    expected = json.loads((GOLDEN / "report.json").read_text())
    assert {path: numbers.get(path) for path in expected} == pytest.approx(expected)

    recipe = tmp_path / f"{RECIPE}.yaml"  # the recipe as it was then, whatever it has become
    recipe.write_text(json.dumps(run.settings))
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
