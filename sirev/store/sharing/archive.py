"""One file for an appendix: runs, and all that they stand on, written as FILE.tar.zst and taken in from one.

Unpacked by any `tar`, such a file is a store. Taking it in believes nothing that it says: see
`sirev.store.sharing.archive_reader`.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import shutil
import tempfile
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sirev.errors import BadInput, SirevError
from sirev.store.artifacts import open_artifact
from sirev.store.digests import canonical_json, sha256
from sirev.store.hollow import HOLLOW_FORMAT
from sirev.store.objects import MEND, DamagedObject
from sirev.store.runs import Run, parsed_run, run_bytes
from sirev.store.shared import make_folder
from sirev.store.sharing import archive_index, tarball, untrusted
from sirev.store.sharing.archive_index import Member
from sirev.store.sharing.archive_reader import Arrival, receive
from sirev.store.sharing.private import shareable
from sirev.store.store import MARKER, Store
from sirev.store.untrusted_files import read_regular
from sirev.store.upkeep.closure import Reach, reach

ENDING = ".tar.zst"


@dataclass(frozen=True)
class Imported:
    """What `import_file` took in.

    `runs` are ids of new ones, `here_already` of those that were here and stay as they were, `differing` of those among them
    that stand on something else here. `records` and `objects` count new ones, `bytes` are those of the objects, and `hollow`
    counts artifacts whose files the archive leaves out.
    """

    runs: list[str]
    here_already: list[str]
    differing: list[str]
    records: int
    objects: int
    bytes: int
    hollow: int


def export_runs(store: Store, runs: Sequence[Run], file: Path, hollow: Collection[str] = ()) -> int:
    """Write runs, and all that they stand on, as `file`; returns its bytes. Equal stores give equal files.

    The files of artifacts in `hollow` (manifest digests) are left out. BadInput if the file is there already or can't be
    written, if the store lacks something that the runs pin, or holds what `import_file` would refuse; DamagedObject if bytes
    in the store are not what they should be.
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
                _place(scratch, fd, file)
        except OSError as error:
            raise BadInput(f"{file} can't be written: {error.strerror or error}") from None
    return file.stat().st_size


def import_file(store: Store, file: Path) -> Imported:
    """Take in the runs of an archive; what is here already stays. BadInput, with nothing written, if it is not all right."""
    with _staging(store) as folder:
        try:
            arrived = receive(file, folder)
        except BadInput as error:
            raise BadInput(f"{file}: {error}") from None
        return _take_in(store, arrived)


def _sources(store: Store, runs: Sequence[Run], hollow: Collection[str]) -> dict[Member, bytes | Path]:
    """Every file of the archive but its index, and where its bytes are."""
    _hold(store, [run.id for run in runs])
    files = {run.id: _read(store.runs.root / f"{run.id}.json") for run in runs}  # may be written again meanwhile
    parsed = {run_id: parsed_run(raw, run_id, f"the run {run_id}") for run_id, raw in files.items()}
    files |= {run_id: run_bytes(mine) for run_id, run in parsed.items() if (mine := shareable(run)) != run}
    found = reach(store, list(parsed.values()), hollow)
    if found.missing:
        more = f" (and {len(found.missing) - 1} more)" if len(found.missing) > 1 else ""
        raise BadInput(f"the store {store.path} lacks what is to be exported: {found.missing[0]}{more}; {MEND}")
    _hold(store, [*found.artifacts, *found.objects])
    _check_names(store, found)
    sources: dict[Member, bytes | Path] = {}

    def add(name: str, source: bytes | Path) -> None:
        raw = source if isinstance(source, bytes) else _read(source)
        sources[Member(name, len(raw), sha256(raw))] = source

    add(MARKER, store.path / MARKER)
    for run_id, raw in files.items():
        untrusted.check_run(raw, run_id)
        add(f"runs/{run_id}.json", raw)
    for key, artifact in found.records:
        path = store.records.path(key, artifact)
        untrusted.check_record(_read(path), key, artifact)
        add(f"records/{key[:2]}/{key}/{artifact}.json", path)
    for digest in found.hollow:
        add(f"hollow/{digest}.json", canonical_json({"format": HOLLOW_FORMAT, "artifact": digest}))
    sizes = {**found.objects, **{digest: store.objects.size(digest) for digest in found.artifacts}}
    for digest, size in sizes.items():
        sources[Member(f"objects/{digest[:2]}/{digest[2:]}", size, digest)] = store.objects.path(digest)
    return sources


def _hold(store: Store, names: Iterable[str]) -> None:
    with contextlib.suppress(OSError):  # a store that may only be read is not collected in either
        store.hold(names)


def _check_names(store: Store, found: Reach) -> None:
    """What could not be taken in again should not be given out either."""
    for digest, artifact in found.artifacts.items():
        if digest not in found.hollow and not artifact.complete():
            raise BadInput(f"the store {store.path} lacks files of artifact {digest[:12]}; {MEND}")
        try:
            untrusted.check_manifest(artifact.manifest)
            for name, entry in artifact.manifest["files"].items() if digest not in found.hollow else ():
                untrusted.check_file(name, store.objects.path(entry["sha256"]))
        except BadInput as error:
            raise BadInput(f"artifact {digest[:12]} of the store {store.path} can't be exported: {error}; {MEND}") from None


def _read(path: Path) -> bytes:
    try:
        return read_regular(path)
    except OSError as error:
        raise BadInput(f"{path} can't be read: {error.strerror or error}; {MEND}") from None


def _reread(member: Member, source: bytes | Path) -> Iterator[bytes]:
    """The bytes of a member, hashed on their way; DamagedObject if they are not those listed."""
    digest, left = hashlib.sha256(), member.size
    for piece in [source] if isinstance(source, bytes) else _pieces(source):
        digest.update(piece)
        left -= len(piece)
        if left < 0:
            break
        yield piece
    if left or digest.hexdigest() != member.sha256:
        raise DamagedObject(f"{source if isinstance(source, Path) else member.name} is damaged; {MEND}")


def _pieces(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            while piece := file.read(tarball.CHUNK):
                yield piece
    except OSError as error:
        raise DamagedObject(f"{path} can't be read: {error.strerror or error}; {MEND}") from None


@contextlib.contextmanager
def _beside(file: Path) -> Iterator[tuple[Path, int]]:
    """A new file in the same folder, gone at exit: others may write there, so it has a name at which nobody can have put a link,
    and is opened once."""
    name = file.with_name(f".{file.name[:100]}.{secrets.token_hex(8)}")
    fd = os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)  # for whom the umask says
    try:
        yield name, fd
    finally:
        os.close(fd)
        with contextlib.suppress(OSError):
            os.unlink(name)


def _place(scratch: Path, fd: int, file: Path) -> None:
    """Give a finished file its name, on which nothing else may have come to lie meanwhile."""
    os.fsync(fd)
    try:
        os.link(scratch, file)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        os.rename(scratch, file)


@contextlib.contextmanager
def _staging(store: Store) -> Iterator[Path]:
    """A folder in the file system of the store, which need not exist yet, gone in the end."""
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


def _take_in(store: Store, arrived: Arrival) -> Imported:
    """Publish what was found right: files before what leads to them."""
    objects = arrived.of("object")
    manifests = set(arrived.manifests)
    try:
        store.create()
        with store.leasing():
            store.hold([*(member.sha256 for member in objects), *(member.stem for member in arrived.of("run"))])
            new = [member for member in objects if not store.objects.present(member.sha256, member.size)]
            for member in sorted(objects, key=lambda one: one.sha256 in manifests):
                store.objects.adopt(arrived.files[member], member.sha256)
            _mark_hollow(store, manifests, arrived.hollow)
            records = sum(store.adopt_record(arrived.files[one].read_bytes(), one.key, one.stem) for one in arrived.of("record"))
            runs = {one.stem: arrived.files[one].read_bytes() for one in arrived.of("run")}
            taken = {run_id: store.runs.adopt(raw, run_id) for run_id, raw in runs.items()}
    except OSError as error:
        raise SirevError(f"the store {store.path} can't be written: {error.strerror or error}; run this again") from None
    here = [run for run, is_new in taken.items() if not is_new]
    theirs = {run: parsed_run(runs[run], run, f"the run {run}") for run in here}
    return Imported(
        runs=[run for run, is_new in taken.items() if is_new],
        here_already=here,
        differing=[run for run in here if (mine := store.runs.get(run)) is None or mine.pins != theirs[run].pins],
        records=records,
        objects=len(new),
        bytes=sum(member.size for member in new),
        hollow=len(arrived.hollow),
    )


def _mark_hollow(store: Store, manifests: Iterable[str], hollow: Collection[str]) -> None:
    for digest in manifests:
        if open_artifact(store.objects, digest).complete():
            store.hollow.remove(digest)  # its files may have come
        elif digest in hollow:
            store.hollow.add(digest)
