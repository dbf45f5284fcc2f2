"""Export and import of runs as one file, FILE.tar.zst, for the appendix of a paper.

The file holds the runs and everything that they pin. Unpacked by any `tar`, it is a store. An import trusts nothing in
it: see `sirev.store.sharing.archive_reader`.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import secrets
import shutil
import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sirev.errors import BadInput, SirevError
from sirev.store.artifacts import open_artifact
from sirev.store.digests import canonical_json, sha256
from sirev.store.hollow import HOLLOW_FORMAT
from sirev.store.objects import MEND, DamagedObject
from sirev.store.runs import Run, parsed_run, run_bytes
from sirev.store.shared import make_folder, place_new
from sirev.store.sharing import archive_index, tarball, untrusted
from sirev.store.sharing.archive_index import Member, of_kind
from sirev.store.sharing.archive_reader import receive
from sirev.store.sharing.private import shareable
from sirev.store.store import MARKER, Store
from sirev.store.untrusted_files import is_regular, read_regular

ENDING = ".tar.zst"


@dataclass(frozen=True)
class Imported:
    """The result of `import_file`.

    `runs` are the ids of new runs, `here_already` of those that the store had and keeps unchanged, `differing` of those among
    the latter with other pins here. `records` and `objects` count new ones, `bytes` is the size of the new objects, and
    `hollow` counts the artifacts whose files the archive leaves out.
    """

    runs: list[str]
    here_already: list[str]
    differing: list[str]
    records: int
    objects: int
    bytes: int
    hollow: int


def export_runs(store: Store, runs: Sequence[Run], file: Path, hollow: Collection[str] = ()) -> int:
    """Write runs, and everything that they pin, to `file`; returns its size in bytes. Equal stores give equal files.

    The files of artifacts in `hollow` (manifest digests) are left out. BadInput if the file exists or can't be written, or
    if the store lacks something that the runs pin or holds something that `import_file` would refuse; DamagedObject if
    bytes in the store are damaged.
    """
    if not file.name.endswith(ENDING):
        raise BadInput(f"{file}: an archive's name ends in {ENDING}")
    if os.path.lexists(file):
        raise BadInput(f"{file} is there already; delete it, or name another file")
    if not runs:
        raise BadInput(f"the store {store.path} has no run to export")
    with store.leasing():
        sources = _sources(store, runs, hollow)
        members = archive_index.in_order(sources)
        index = archive_index.to_json(members)
        if len(index) > archive_index.INDEX_BYTES:
            raise BadInput(f"{len(members)} files are too many for one archive; export fewer runs at a time")
        if not file.parent.is_dir():
            raise BadInput(f"{file} can't be written: there is no folder {file.parent}")
        try:
            with _beside(file) as (scratch, fd):
                with tarball.writing(fd) as archive:
                    archive.add(archive_index.INDEX, len(index), iter([index]))
                    for member in members:
                        archive.add(member.name, member.size, _reread(member, sources[member]))
                os.fsync(fd)
                if not place_new(scratch, file):
                    raise BadInput(f"{file} is there already; delete it, or name another file")
        except OSError as error:
            raise BadInput(f"{file} can't be written: {error.strerror or error}") from None
    return file.stat().st_size


def import_file(store: Store, file: Path, *, runs: bool = True) -> Imported:
    """Import the runs of an archive, or without `runs` only their records and artifacts; nothing in the store is replaced.

    BadInput, with nothing written, if anything in the archive is wrong.
    """
    with _staging(store) as folder:
        try:
            members = receive(file, folder)
            theirs = Store(folder)
            listed = _contents(
                theirs, {one.stem: _read(folder / one.name) for one in of_kind("run", members)}, set(theirs.hollow)
            )
            if besides := [one.name for one in members if one not in listed]:
                raise BadInput(f"refused: it holds {besides[0]}, which none of its runs needs")
        except BadInput as error:
            raise BadInput(f"{file}: {error}") from None
        return _take_in(store, theirs, members if runs else [one for one in members if one.kind != "run"])


def _sources(store: Store, runs: Sequence[Run], hollow: Collection[str]) -> dict[Member, bytes | Path]:
    _hold(store, [run.id for run in runs])
    files = {run.id: _read(store.runs.root / f"{run.id}.json") for run in runs}  # a running run may be saved again meanwhile
    parsed = {run_id: parsed_run(raw, run_id, f"the run {run_id}") for run_id, raw in files.items()}
    files |= {run_id: run_bytes(mine) for run_id, run in parsed.items() if (mine := shareable(run)) != run}
    try:
        found = _contents(store, files, hollow)
    except BadInput as error:
        raise BadInput(f"the store {store.path} can't be exported: {error}; {MEND}") from None
    _hold(store, [one.sha256 for one in of_kind("object", found)])
    return found


def _contents(store: Store, runs: Mapping[str, bytes], hollow: Collection[str]) -> dict[Member, bytes | Path]:
    """The files of an archive of these runs (id -> bytes), without the index, each with its bytes or its path.

    Called for a store before an export, and for an unpacked archive, which must not contain any other file. BadInput if a
    file is missing, or would be refused by an import.
    """
    sources: dict[Member, bytes | Path] = {}
    objects: dict[str, set[str]] = {}

    def add(name: str, source: bytes | Path) -> Any:
        raw = source if isinstance(source, bytes) else _read(source)
        sources[Member(name, len(raw), sha256(raw))] = source
        return raw

    add(MARKER, store.path / MARKER)
    pins: set[tuple[str, str]] = set()
    for run_id, raw in runs.items():
        add(f"runs/{run_id}.json", raw)
        untrusted.check_run(raw, run_id)
        pins |= {(pin["key"], pin["artifact"]) for pin in untrusted.parse(raw, f"the run {run_id}")["pins"].values()}
    for key, artifact in sorted(pins):
        path = store.records.path(key, artifact)
        if not is_regular(path):
            raise BadInput(f"it lacks the record of key {key[:12]} and artifact {artifact[:12]}, which a run of it pins")
        raw = add(f"records/{key[:2]}/{key}/{artifact}.json", path)
        untrusted.check_record(raw, key, artifact)
        for name, digest in untrusted.parse(raw, path.name)["provenance"].get("notes", {}).items():
            objects.setdefault(digest, set()).add(name)
    for artifact in sorted({artifact for _, artifact in pins}):
        objects.setdefault(artifact, set())
        manifest = untrusted.parse(_read(_object(store, artifact)), f"the manifest {artifact[:12]}")
        untrusted.check_manifest(manifest)
        files = manifest["files"]
        lost = [(name, one) for name, one in files.items() if not store.objects.present(one["sha256"], one["size"])]
        if artifact in hollow or (lost and artifact in store.hollow):
            add(f"hollow/{artifact}.json", canonical_json({"format": HOLLOW_FORMAT, "artifact": artifact}))
            continue
        for name, one in files.items():
            objects.setdefault(one["sha256"], set()).add(name)
        for name, one in lost:
            if size := store.objects.size(one["sha256"]):
                raise BadInput(f"{name} of artifact {artifact[:12]} has {size} bytes, not {one['size']}")
    for digest, names in objects.items():
        path = _object(store, digest)
        for name in sorted(names):
            untrusted.check_file(name, path)
        sources[Member(f"objects/{digest[:2]}/{digest[2:]}", store.objects.size(digest), digest)] = path
    return sources


def _object(store: Store, digest: str) -> Path:
    if not is_regular(path := store.objects.path(digest)):
        raise BadInput(f"it lacks object {digest[:12]}, which its runs need")
    return path


def _hold(store: Store, names: Iterable[str]) -> None:
    with contextlib.suppress(OSError):  # no collection runs in a read-only store
        store.hold(names)


def _read(path: Path) -> bytes:
    try:
        return read_regular(path)
    except OSError as error:
        raise BadInput(f"{path} can't be read: {error.strerror or error}; {MEND}") from None


def _reread(member: Member, source: bytes | Path) -> Iterator[bytes]:
    """The bytes of a member in pieces; DamagedObject at the end if their sha256 is not the listed one."""
    digest, where = hashlib.sha256(), source if isinstance(source, Path) else member.name
    try:
        with io.BytesIO(source) if isinstance(source, bytes) else source.open("rb") as file:
            while piece := file.read(tarball.CHUNK):
                digest.update(piece)
                yield piece
    except OSError as error:
        raise DamagedObject(f"{where} can't be read: {error.strerror or error}; {MEND}") from None
    if digest.hexdigest() != member.sha256:
        raise DamagedObject(f"{where} is damaged; {MEND}")


@contextlib.contextmanager
def _beside(file: Path) -> Iterator[tuple[Path, int]]:
    """A new file in the folder of `file`, deleted at exit, as (path, descriptor). Its name is random and it is opened once,
    so that other users of the folder can't put a link in its place."""
    name = file.with_name(f".{file.name[:100]}.{secrets.token_hex(8)}")
    fd = os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)  # readable as the umask allows
    try:
        yield name, fd
    finally:
        os.close(fd)
        with contextlib.suppress(OSError):
            os.unlink(name)


@contextlib.contextmanager
def _staging(store: Store) -> Iterator[Path]:
    """A temporary folder in the file system of the store, which need not exist, deleted at exit."""
    root = store.path.absolute()
    within = next(path for path in (root, *root.parents) if path.is_dir())
    inside = within == root
    with contextlib.ExitStack() as undo:
        try:
            if inside and not (root / "tmp").is_dir():
                make_folder(root, root / "tmp")
                undo.callback(_remove_if_empty, root / "tmp")
            folder = Path(tempfile.mkdtemp(prefix=f".{os.getpid()}-", dir=root / "tmp" if inside else within))
        except OSError as error:
            raise BadInput(f"the store {store.path} can't be written: {error.strerror}; name another with --store DIR") from None
        undo.callback(shutil.rmtree, folder, ignore_errors=True)
        yield folder


def _remove_if_empty(folder: Path) -> None:
    with contextlib.suppress(OSError):
        folder.rmdir()


def _take_in(store: Store, theirs: Store, members: Sequence[Member]) -> Imported:
    """Publish the checked members: objects first, then records, runs last."""
    objects, records = of_kind("object", members), of_kind("record", members)
    manifests, hollow = {one.stem for one in records}, {one.stem for one in of_kind("hollow", members)}
    runs = {one.stem: _read(theirs.path / one.name) for one in of_kind("run", members)}
    try:
        store.create()
        with store.leasing():
            store.hold([*(one.sha256 for one in objects), *runs])
            new = [one for one in objects if not store.objects.present(one.sha256, one.size)]
            for one in sorted(objects, key=lambda one: one.sha256 in manifests):
                store.objects.adopt(theirs.path / one.name, one.sha256)
            _mark_hollow(store, manifests, hollow)
            taken_records = sum(store.adopt_record(_read(theirs.path / one.name), one.key, one.stem) for one in records)
            taken = {run_id: store.runs.adopt(raw, run_id) for run_id, raw in runs.items()}
    except OSError as error:
        raise SirevError(f"the store {store.path} can't be written: {error.strerror or error}; run this again") from None
    here = [run for run, is_new in taken.items() if not is_new]
    return Imported(
        runs=[run for run, is_new in taken.items() if is_new],
        here_already=here,
        differing=[
            run for run in here if (mine := store.runs.get(run)) is None or mine.pins != parsed_run(runs[run], run, run).pins
        ],
        records=taken_records,
        objects=len(new),
        bytes=sum(one.size for one in new),
        hollow=len(hollow),
    )


def _mark_hollow(store: Store, manifests: Iterable[str], hollow: Collection[str]) -> None:
    for digest in manifests:
        if open_artifact(store.objects, digest).complete():
            store.hollow.remove(digest)  # its files may have come with the archive
        elif digest in hollow:
            store.hollow.add(digest)
