"""Verification of a store: every object is hashed, every record, run and mark checked against what it refers to.

Nothing is changed, except that a damaged object loses its stamp of an earlier check. `sirev.store.upkeep.repair` mends a
store.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sirev.errors import BadInput
from sirev.inputs import parse_json, what_it_is
from sirev.store.digests import is_digest, unsealed
from sirev.store.hollow import HOLLOW_FORMAT
from sirev.store.records import DamagedRecord, Record
from sirev.store.runs import RUN_FORMAT, Run, parsed_run, run_address
from sirev.store.shared import remove_file
from sirev.store.store import MARKER, Store, parse_marker
from sirev.store.untrusted_files import META_BYTES, read_regular
from sirev.store.upkeep.hashing import Hashed, hash_objects, scan
from sirev.store.upkeep.keeps import KEEP_FORMAT, Keep, parsed_keep
from sirev.store.upkeep.local import local_fault
from sirev.store.upkeep.manifests import Manifest, manifest_of
from sirev.store.upkeep.rows import TableClaim, Unchecked, false_claims
from sirev.store.upkeep.verify_report import Damage, DamageKind, DamageRemedy, Findings, VerifyRemark

OnProgress = Callable[[str, int, int], None]
"""Receives what is being checked ("objects", "tables"), bytes done, and bytes in total."""


def verify(store: Store, on_progress: OnProgress | None = None) -> Findings:
    """Check everything in a store; returns the findings. Safe while other processes use the store.

    Raises BadInput where a folder can't be read.
    """
    began = time.monotonic()
    check = _Check(store, on_progress or (lambda what, done, total: None))
    try:
        check.run()
    except OSError as error:  # a folder that this user may not read
        raise BadInput(f"the store {store.path} can't be verified: {error.filename}: {error.strerror or error}") from None
    check.found.damage.sort(key=lambda one: (one.path, one.kind))
    check.found.remarks.sort(key=lambda one: (one.path, one.what))
    check.found.seconds = time.monotonic() - began
    return check.found


@dataclass
class _Check:
    store: Store
    on_progress: OnProgress
    found: Findings = field(default_factory=Findings)
    runs: dict[str, Run] = field(default_factory=dict)
    keeps: list[Keep] = field(default_factory=list)
    hollow: set[str] = field(default_factory=set)
    records: dict[tuple[str, str], Record] = field(default_factory=dict)
    odd_records: set[tuple[str, str]] = field(default_factory=set)
    """Existing records that are damaged or of a newer format: reported once, not again for every run that pins them."""
    manifests: dict[str, Manifest] = field(default_factory=dict)
    users: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    """Artifact -> the steps and pins that refer to it."""
    hashed: Hashed = field(default_factory=Hashed)

    def run(self) -> None:
        # Runs before records before objects. Publishing goes the other way round, so whatever is named by something read
        # here exists by the time it is checked.
        self._marker()
        self._runs()
        self._keeps()
        self._hollow_marks()
        self._records()
        self._objects()
        self._artifacts()
        self._pinned_records()
        self._inputs()
        self._local()
        self._leftovers()

    def _marker(self) -> None:
        raw = self._read(MARKER, "marker", "drop")
        if raw is None and not os.path.lexists(self.store.path / MARKER):
            self._damage("marker", MARKER, "is missing", "drop")
        elif raw is not None and (what := marker_fault(raw)):
            self._damage("marker", MARKER, what, "drop")

    def _runs(self) -> None:
        for path, name in self._json_files("runs"):
            raw = self._read(path, "run", "drop")
            if raw is None or self._newer(path, raw, RUN_FORMAT):
                continue
            try:
                run = self.runs[name] = parsed_run(raw, name, path)
            except BadInput:
                self._damage("run", path, "is not what the file of this run should be", "drop")
                continue
            for step, pin in run.pins.items():
                self.users[pin.artifact].append(run_address(name, step))
        self.found.runs = len(self.runs)

    def _keeps(self) -> None:
        for path, name in self._json_files("pins"):
            raw = self._read(path, "pin", "hand")
            if raw is None or self._newer(path, raw, KEEP_FORMAT):
                continue
            try:
                keep = parsed_keep(raw, name, path)
            except BadInput:
                self._damage("pin", path, "is not a pin of this name: delete it, and pin again what it was to keep", "hand")
                continue
            self.keeps.append(keep)
            for digest in keep.artifacts:
                self.users[digest].append(f"pin {name}")
            for run in keep.runs:
                if run not in self.runs and not os.path.lexists(self.store.path / "runs" / f"{run}.json"):
                    self._damage("missing", f"runs/{run}.json", "is not there, though it is pinned", "again", [f"pin {name}"])

    def _hollow_marks(self) -> None:
        for path, name in self._json_files("hollow"):
            raw = self._read(path, "hollow mark", "drop")
            if raw is None or self._newer(path, raw, HOLLOW_FORMAT):
                continue
            if is_digest(name) and _json(raw) == {"format": HOLLOW_FORMAT, "artifact": name}:
                self.hollow.add(name)
            else:
                self._damage("hollow mark", path, "is not what marks this artifact as given up", "drop")

    def _records(self) -> None:
        for key, artifact, path in self._record_files():
            try:
                record = self.store.records.get(key, artifact)
            except DamagedRecord:
                self.odd_records.add((key, artifact))
                what = self._oddity(path) or "does not hash to the key it is filed under, or is of another artifact"
                self._damage("record", path, what, "drop", self._steps_of(key, artifact))
            except BadInput as error:
                self.odd_records.add((key, artifact))
                self._barred_or_newer(path, error)
            else:
                if record is not None:  # else it was deleted meanwhile
                    self.records[key, artifact] = record
        self.found.records = len(self.records) + len(self.odd_records)

    def _objects(self) -> None:
        wanted = {artifact for _, artifact in self.records} | set(self.users) | self.hollow
        self.hashed = hash_objects(self.store.path / "objects", wanted, lambda *at: self.on_progress("objects", *at))
        self.found.objects = len(self.hashed.whole) + len(self.hashed.faults)
        self.found.size = sum(self.hashed.whole.values())
        self.found.remarks += self.hashed.strangers
        for digest in wanted:
            if (raw := self.hashed.raw.pop(digest, None)) is not None:
                self.manifests[digest] = manifest_of(raw, self.store.objects)
        used: dict[str, list[str]] = defaultdict(list)
        if self.hashed.faults:
            for (key, artifact), record in self.records.items():
                manifest = self.manifests.get(artifact)
                files = manifest.files.values() if manifest else ()
                notes = record.provenance.get("notes", {}).values()
                for digest in {artifact, *notes, *(digest for digest, _ in files)} & self.hashed.faults.keys():
                    used[digest] += self._belongs(key, artifact)
        for digest, fault in self.hashed.faults.items():
            remedy: DamageRemedy = "hand" if fault.barred else "drop"
            belongs = used[digest] or self.users.get(digest, [])
            self._damage("object", _object_path(digest), fault.what, remedy, belongs)
            if not fault.barred:  # disks rot without a new time of change: the next read must hash it
                with contextlib.suppress(OSError, BadInput):
                    remove_file(self.store.path, self.store.path / "checked" / digest[:2] / digest[2:])

    def _artifacts(self) -> None:
        """Check that each record's artifact is complete, and that its manifest is true."""
        marked = (manifest for digest in self.hollow if (manifest := self.manifests.get(digest)))
        self.found.hollow = sum(any(digest not in self.hashed.whole for digest, _ in one.files.values()) for one in marked)
        false = self._false_claims()
        missing: dict[str, list[str]] = defaultdict(list)
        for (key, artifact), record in self.records.items():
            path = self._record_path(key, artifact)
            belongs = self._belongs(key, artifact)
            manifest = self.manifests.get(artifact)
            for name, digest in record.provenance.get("notes", {}).items():
                if digest not in self.hashed.whole and digest not in self.hashed.faults:
                    self._remark(path, f"its note {name} is gone; no result depends on it")
            if manifest is not None and manifest.newer:
                self.found.unchecked.append(VerifyRemark(_object_path(artifact), f"a manifest of format {manifest.newer}"))
                continue
            if manifest is not None and (what := manifest.fault or false.get(artifact) or self._wrong_size(manifest)):
                self._damage("claim", path, f"its artifact {artifact[:12]} {what}", "drop", belongs)
                continue
            if manifest is None and artifact in self.hashed.whole:
                self.found.unchecked.append(VerifyRemark(_object_path(artifact), f"a manifest of more than {META_BYTES:,} bytes"))
                continue
            absent = [artifact] if manifest is None else self._absent(artifact, manifest)
            if absent and not self.users.get(artifact) and not self._barred(absent):
                what = f"its artifact {artifact[:12]} lacks {_files(len(absent))}, and no run needs it"
                self._damage("remnant", path, what, "drop", belongs)
                continue
            for digest in absent:
                missing[digest] += belongs
        recorded = {artifact for _, artifact in self.records}
        for keep in self.keeps:
            for artifact in keep.artifacts:
                if artifact not in recorded:
                    manifest = self.manifests.get(artifact)
                    for digest in [artifact] if manifest is None else self._absent(artifact, manifest):
                        missing[digest].append(f"pin {keep.name}")
        for digest, belongs in missing.items():
            if digest not in self.hashed.faults:  # which are reported already
                self._damage("missing", _object_path(digest), "is not there", "again", belongs)

    def _false_claims(self) -> dict[str, str]:
        """Artifact -> the table whose rows differ from the manifest, as text."""
        claims: list[TableClaim] = []
        of: list[tuple[str, str]] = []
        for artifact, manifest in self.manifests.items():
            for name, entry in manifest.tables.items():
                parts = tuple(manifest.files[part] for part in entry["parts"])
                if all(self.hashed.whole.get(digest) == size for digest, size in parts):
                    claims.append(TableClaim(entry, parts))
                    of.append((artifact, name))
        objects = self.store.path / "objects"
        found = false_claims(objects, claims, lambda *at: self.on_progress("tables", *at)) if claims else {}
        false: dict[str, str] = {}
        for i, what in found.items():
            artifact, name = of[i]
            if isinstance(what, Unchecked):
                self.found.unchecked.append(VerifyRemark(_object_path(artifact), f"its table {name!r} {what}"))
            else:
                false[artifact] = f"is not what it claims: table {name!r} {what}"
        return false

    def _pinned_records(self) -> None:
        missing: dict[str, list[str]] = defaultdict(list)
        for name, run in self.runs.items():
            for step, pin in run.pins.items():
                at = (pin.key, pin.artifact)
                if at not in self.records and at not in self.odd_records:
                    missing[self._record_path(*at)].append(run_address(name, step))
        for path, belongs in missing.items():
            self._damage("missing", path, "is not there", "again", belongs)

    def _inputs(self) -> None:
        """Remark inputs that are no artifact here. That is no damage: some never are artifacts, and some were deleted."""
        said = {m.semantic for m in self.manifests.values() if m.semantic is not None}
        asked: dict[tuple[str, str], list[tuple[str, str, str]]] = defaultdict(list)
        for (key, artifact), record in self.records.items():
            inputs = record.action.get("inputs")
            for name, digest in inputs.items() if isinstance(inputs, dict) else ():
                kind = (str(record.action.get("stage")), name.rpartition("/")[2])
                asked[kind].append((self._record_path(key, artifact), name, str(digest)))
        for uses in asked.values():
            if any(digest in said for _, _, digest in uses):  # else inputs of this name are not artifacts but other digests
                for path, name, digest in uses:
                    if digest not in said:
                        self._remark(path, f"no artifact here is its input {name} ({digest[:12]})")

    def _local(self) -> None:
        """Check remembered digests of the user's own files: a wrong one would lead to wrong keys."""
        for path, name in self._json_files("local"):
            raw = self._read(path, "local digest", "drop")
            if raw is not None and (what := local_fault(name, raw)):
                self._damage("local digest", path, what, "drop")

    def _leftovers(self) -> None:
        for entry in scan(self.store.path / "tmp"):
            with contextlib.suppress(OSError):
                self.found.leftovers += 1
                self.found.leftover_size += entry.stat(follow_symlinks=False).st_size

    def _absent(self, artifact: str, manifest: Manifest) -> list[str]:
        if artifact in self.hollow:
            return []
        return sorted({digest for digest, _ in manifest.files.values() if digest not in self.hashed.whole})

    def _barred(self, digests: list[str]) -> bool:
        return any(fault.barred for digest in digests if (fault := self.hashed.faults.get(digest)))

    def _wrong_size(self, manifest: Manifest) -> str | None:
        for name, (digest, size) in manifest.files.items():
            if (real := self.hashed.whole.get(digest, size)) != size:
                return f"can never be whole: the file {name!r} has {real:,} bytes and not {size:,}"
        return None

    def _belongs(self, key: str, artifact: str) -> list[str]:
        if users := self.users.get(artifact):
            return users
        return [f"{self.records[key, artifact].action.get('stage')} {key[:12]}"]

    def _steps_of(self, key: str, artifact: str) -> list[str]:
        at = (key, artifact)
        return [run_address(n, step) for n, run in self.runs.items() for step, p in run.pins.items() if (p.key, p.artifact) == at]

    def _record_files(self) -> Iterator[tuple[str, str, str]]:
        """Key, artifact and path of each record; anything else there is remarked."""
        for group in scan(self.store.path / "records"):
            keys = scan(Path(group.path)) if is_digest(group.name, 2) and group.is_dir(follow_symlinks=False) else None
            if keys is None:
                self._remark(f"records/{group.name}", "is not a record")
            for key in keys or ():
                path = f"records/{group.name}/{key.name}"
                if not (is_digest(key.name) and key.name.startswith(group.name) and key.is_dir(follow_symlinks=False)):
                    self._remark(path, "is not a record")
                    continue
                for entry in scan(Path(key.path)):
                    artifact = entry.name.removesuffix(".json")
                    if is_digest(artifact) and entry.name != artifact:
                        yield key.name, artifact, f"{path}/{entry.name}"
                    elif entry.name.endswith(".json"):  # which a lookup of the key would read
                        self.odd_records.add((key.name, artifact))
                        self._damage("record", f"{path}/{entry.name}", "is named by no artifact", "drop")
                    else:
                        self._remark(f"{path}/{entry.name}", "is not a record")

    def _json_files(self, folder: str) -> Iterator[tuple[str, str]]:
        """Path below the store, and name without .json, of each JSON file in a folder; anything else there is remarked."""
        for entry in scan(self.store.path / folder):
            if entry.name.endswith(".json"):
                yield f"{folder}/{entry.name}", entry.name.removesuffix(".json")
            else:
                self._remark(f"{folder}/{entry.name}", "belongs to nothing")

    def _read(self, path: str, kind: DamageKind, remedy: DamageRemedy) -> bytes | None:
        """The bytes of a plain file; None if it is missing, or if it can't be read, which is recorded as damage."""
        try:
            return read_regular(self.store.path / path)
        except FileNotFoundError:
            return None
        except OSError as error:
            barred = error.errno in (errno.EACCES, errno.EPERM, errno.EFBIG)
            what = f"can't be read: {error.strerror}" if barred else self._oddity(path) or f"can't be read: {error}"
            self._damage(kind, path, what, "hand" if barred else remedy)
            return None

    def _oddity(self, path: str) -> str | None:
        try:
            mode = os.lstat(self.store.path / path).st_mode
        except OSError:
            return None
        return None if stat.S_ISREG(mode) else f"is {what_it_is(mode)} in the place of a file"

    def _newer(self, path: str, raw: bytes, newest: int) -> bool:
        try:
            version = unsealed(raw).get("format")
        except (ValueError, RecursionError):
            return False
        if not isinstance(version, int) or version <= newest:
            return False
        self.found.unchecked.append(VerifyRemark(path, f"of format {version}"))
        return True

    def _barred_or_newer(self, path: str, error: BadInput) -> None:
        try:
            version = _json(read_regular(self.store.path / path))["format"]
        except OSError as barred:
            self._damage("record", path, f"can't be read: {barred.strerror or barred}", "hand")
        except (KeyError, TypeError):
            self._damage("record", path, str(error), "hand")
        else:
            self.found.unchecked.append(VerifyRemark(path, f"of format {version}"))

    def _record_path(self, key: str, artifact: str) -> str:
        return f"records/{key[:2]}/{key}/{artifact}.json"

    def _damage(self, kind: DamageKind, path: str, what: str, remedy: DamageRemedy, belongs: list[str] | None = None) -> None:
        self.found.damage.append(Damage(kind, path, what, remedy, tuple(dict.fromkeys(belongs or ()))))

    def _remark(self, path: str, what: str) -> None:
        self.found.remarks.append(VerifyRemark(path, what))


def marker_fault(raw: bytes) -> str | None:
    """The fault of the bytes of a store's marker; None if it is sound or of a newer format."""
    try:
        parse_marker(raw)
    except ValueError:
        return "does not hold the store's format and id"
    return None


def _json(raw: bytes) -> Any:
    try:
        return parse_json(raw)
    except ValueError:
        return None


def _object_path(digest: str) -> str:
    return f"objects/{digest[:2]}/{digest[2:]}"


def _files(count: int) -> str:
    return f"{count:,} file{'s' if count != 1 else ''}"
