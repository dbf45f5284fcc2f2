"""Any file of a store is damaged in any way: it is found, never used, and never a traceback."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

from sirev.errors import BadInput, SirevError
from sirev.store.artifacts import Artifact
from sirev.store.digests import sha256
from sirev.store.records import action_key
from sirev.store.store import Store
from sirev.store.upkeep.repair import marker_damage, mend_marker, repair
from sirev.store.upkeep.verify import verify
from sirev.store.upkeep.verify_report import Findings
from tests.conftest import Command, Study, semantic_digests, tree
from tests.store.small_store import SmallStore, build

Draw = Callable[..., Any]
Damaging = Callable[[Path, list[Path], Draw, Path], None]
"""Damages a file; takes it, all files of the store, what hypothesis draws from, and a folder outside of the store."""


def flip(path: Path, files: list[Path], draw: Draw, outside: Path) -> None:
    content = bytearray(path.read_bytes())
    assume(content)
    bit = draw(st.integers(0, 8 * len(content) - 1), label="bit")
    content[bit // 8] ^= 1 << bit % 8
    _write(path, bytes(content))


def truncate(path: Path, files: list[Path], draw: Draw, outside: Path) -> None:
    content = path.read_bytes()
    assume(content)
    _write(path, content[: draw(st.integers(0, len(content) - 1), label="bytes left")])


def append(path: Path, files: list[Path], draw: Draw, outside: Path) -> None:
    _write(path, path.read_bytes() + draw(st.binary(min_size=1, max_size=40), label="more"))


def delete(path: Path, files: list[Path], draw: Draw, outside: Path) -> None:
    path.unlink()


def swap(path: Path, files: list[Path], draw: Draw, outside: Path) -> None:
    other = draw(st.sampled_from(files), label="with")
    mine, theirs = path.read_bytes(), other.read_bytes()
    assume(mine != theirs)
    _write(path, theirs)
    _write(other, mine)


def link_outside(path: Path, files: list[Path], draw: Draw, outside: Path) -> None:
    shutil.move(path, outside / "moved")
    path.symlink_to(outside / "moved")


def link_to_another(path: Path, files: list[Path], draw: Draw, outside: Path) -> None:
    other = draw(st.sampled_from(files), label="to")
    assume(other != path)
    path.unlink()
    path.symlink_to(other)


def dangle(path: Path, files: list[Path], draw: Draw, outside: Path) -> None:
    path.unlink()
    path.symlink_to(outside / "nothing")


def link_to_zeros(path: Path, files: list[Path], draw: Draw, outside: Path) -> None:
    path.unlink()
    path.symlink_to("/dev/zero")


def folder(path: Path, files: list[Path], draw: Draw, outside: Path) -> None:
    path.unlink()
    path.mkdir()


def pipe(path: Path, files: list[Path], draw: Draw, outside: Path) -> None:
    path.unlink()
    os.mkfifo(path)


DAMAGES: list[Damaging] = [
    flip,
    truncate,
    append,
    delete,
    swap,
    link_outside,
    link_to_another,
    dangle,
    link_to_zeros,
    folder,
    pipe,
]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> SmallStore:
    return build(tmp_path_factory.mktemp("small"))


@contextlib.contextmanager
def copied(store: Path) -> Iterator[tuple[Path, Path]]:
    """A copy to damage, and a folder outside of it."""
    with tempfile.TemporaryDirectory() as place:
        shutil.copytree(store, Path(place) / "store")
        (Path(place) / "outside").mkdir()
        yield Path(place) / "store", Path(place) / "outside"


def stored(store: Path) -> list[Path]:
    """Every file that is part of what a store holds: not stamps, locks, leases and what is half written."""
    folders = ("objects", "records", "runs", "pins", "hollow", "local")
    files = [path for name in folders for path in (store / name).rglob("*") if path.is_file()]
    return sorted([store / "sirev-store.json", *files])


@settings(max_examples=150, deadline=None)
@given(st.data())
@pytest.mark.slow
def test_damage_to_any_file_is_found_never_used_and_dropped(small: SmallStore, data: st.DataObject) -> None:
    with copied(small.path) as (place, outside):
        files = stored(place)
        before = {file: file.read_bytes() for file in files}
        path = drawn(data, place, files)
        damage = data.draw(st.sampled_from(DAMAGES), label="damage")
        damage(path, files, data.draw, outside)
        changed = [file.relative_to(place) for file, content in before.items() if plain(file) != content]
        beyond = tree(outside)
        # Whether somebody at work comes upon it first must not matter; objects that are come upon are dropped.
        used_first = data.draw(st.booleans(), label="used before it is verified")
        if used_first and plain(place / "sirev-store.json") is not None:
            nothing_wrong_is_used(small, place)
        if marked := marker_damage(place):
            assert Path("sirev-store.json") in changed
            mend_marker(place)
        try:
            found = verify(Store(place))
        except BadInput as error:
            if "upgrade sirev" not in str(error):
                raise
            return  # a flipped bit made a marker of a newer format
        for one in changed if not used_first else []:
            if one == Path("sirev-store.json") and marked:
                continue  # found, and mended, above
            if damage is delete:
                assert marked or told_as_missing(small, place, one, found), one
            elif not goes_unseen(one, before[place / one], plain(place / one)):
                assert str(one) in places(found) or any(one.stem in belongs for belongs in users(found)), one
        nothing_wrong_is_used(small, place)
        assert repair(Store(place), found).left == []
        assert not [one for one in verify(Store(place)).damage if one.remedy == "drop"]
        for action in small.actions.values():  # no damaged record is in the way of computing it anew
            try:
                Store(place).lookup(action_key(action))
            except BadInput as error:
                if "upgrade sirev" not in str(error):
                    raise
        assert tree(outside) == beyond


def drawn(data: st.DataObject, place: Path, files: list[Path]) -> Path:
    """One of the files; each folder of the store is as likely as the others."""
    folder = data.draw(st.sampled_from(sorted({file.relative_to(place).parts[0] for file in files})), label="folder")
    within = [file for file in files if file.relative_to(place).parts[0] == folder]
    return within[data.draw(st.integers(0, len(within) - 1), label="which file")]


def places(found: Findings) -> set[str]:
    return {one.path for one in found.damage} | {one.path for one in (*found.unchecked, *found.remarks)}


def users(found: Findings) -> set[str]:
    return {belongs for one in found.damage for belongs in one.belongs}


def plain(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() and not path.is_symlink() else None


def told_as_missing(small: SmallStore, place: Path, path: Path, found: Findings) -> bool:
    """A file that is gone is named, or its record is; the store is a smaller but a whole one where nothing else stands on it."""
    match path.parts[0]:
        case "objects":
            records = {str(small.record_path(step).relative_to(small.path)) for step in small.actions}
            return str(path) in places(found) or bool(places(found) & records)
        case "records":
            shards = {small.record_path(step) for step in small.actions if step.startswith("shard/")}
            return str(path) in places(found) or small.path / path in shards
        case "runs":
            return str(path) in places(found) or path.stem != small.runs[0]  # which is pinned
        case "hollow":
            return any(one.kind == "missing" for one in found.damage)
        case _:
            return found.whole


def goes_unseen(path: Path, before: bytes, after: bytes | None) -> bool:
    """Whether a damaged file says the same as before: in other bytes it can do so only where its sum is not among them."""
    if after is None or path.parts[0] == "objects":
        return False
    try:
        old, new = json.loads(before), json.loads(after)
        return bool(old == new) or (path.parts[0] == "local" and old["stats"] != new["stats"])  # then it is read anew
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return False


def nothing_wrong_is_used(small: SmallStore, place: Path) -> None:
    """Whatever a lookup finds says what was stored; whatever can't be used ends in one clear line."""
    with at_most_one_line():
        store = Store(place)
        for step, action in small.actions.items():
            with at_most_one_line():
                is_what_was_stored(store.lookup(action_key(action)), small.artifacts[step])
        for name in small.runs:
            with at_most_one_line():
                store.runs.get(name)


@contextlib.contextmanager
def at_most_one_line() -> Iterator[None]:
    """Any error is one that the user reads as one line."""
    said = "one line"
    try:
        yield
    except SirevError as error:
        said = str(error)
    assert len(said.splitlines()) == 1


def is_what_was_stored(found: Artifact | None, wanted: Artifact) -> None:
    if found is None:
        return
    assert found.semantic == wanted.semantic
    for name, entry in found.manifest["files"].items():
        assert sha256(found.path(name).read_bytes()) == entry["sha256"] == wanted.manifest["files"][name]["sha256"]
    for table in found.manifest["tables"]:
        assert found.rows(table) == wanted.rows(table)


def _write(path: Path, content: bytes) -> None:
    path.chmod(0o644)
    path.write_bytes(content)


@settings(
    max_examples=6,
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.data())
@pytest.mark.slow
def test_an_iterate_never_uses_what_is_damaged(smoke: Study, command: Command, data: st.DataObject) -> None:
    wanted = semantic_digests(smoke.store)
    with copied(smoke.store.path) as (place, outside):
        files = [file for file in stored(place) if file.name != "sirev-store.json"]
        path = drawn(data, place, files)
        damage = data.draw(st.sampled_from(DAMAGES), label="damage")
        before = {file: file.read_bytes() for file in files}
        damage(path, files, data.draw, outside)
        for file, content in before.items():
            if (after := plain(file)) not in (content, None):
                assume(not goes_unseen(file.relative_to(place), content, after))
        iterate = ("iterate", "--recipe", "tiny_smoke", "--store", place)
        run = command(*iterate)
        if run.returncode:
            (line,) = run.stderr.splitlines()[-1:]
            assert line.startswith(("sirev: error: ", "sirev: failed: ")), run.stderr
            assert "Traceback" not in run.stderr
            mended = command("store", "verify", "--repair", "--store", place)
            assert mended.returncode == 0, mended.stdout + mended.stderr
            run = command(*iterate)
        assert run.returncode == 0, run.stderr
        assert semantic_digests(Store(place)) == wanted
