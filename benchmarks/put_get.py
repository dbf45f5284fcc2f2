"""Files into a store and out of it, beside `cp` and `sha256sum` on the same disk.

    python benchmarks/put_get.py [--folder DIR] [--sizes BYTES...]

Put is `Objects.add` of a file: copied, hashed, brought to the disk, renamed. Get is `hand_out` of an artifact of one file, as
`sirev store get` does it: copied, and hashed as it was copied. Both must reach 0.8 of the throughput of the slower one of `cp`
and `sha256sum`. Of small files a process takes most of the time to start, so the same is measured inside of this process too:
`shutil.copyfile` and `hashlib`. `cp` leaves it to the system when the bytes reach the disk, the store does not; therefore also
`cp` and then `sync FILE`, and `copyfile` with `fsync`. (sha256sum of coreutils may be several times slower than hashlib, which
uses the processor's own instructions for it.)

All take turns, on bytes that are in memory already and with nothing waiting to be written; quoted are medians.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import os
import platform
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from sirev.store.artifacts import Artifact, Output, write_artifact
from sirev.store.checkout import hand_out
from sirev.store.objects import Objects
from sirev.store.store import Store

CHECKOUT = Path(__file__).resolve().parents[1]
GOAL = 0.8
ROUNDS = {1 << 10: 60, 1 << 20: 30, 1 << 30: 5}

FICLONE = 0x40049409
"""The ioctl that lets a file share the blocks of another."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=CHECKOUT / "build", help="on the disk to measure; default: build/")
    parser.add_argument("--sizes", type=int, nargs="*", default=list(ROUNDS))
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=arguments.folder) as scratch:
        load = f"load {os.getloadavg()[0]:.1f}"
        print(
            f"Python {platform.python_version()}, {os.cpu_count()} cores, {load}; {arguments.folder}: reflink {reflink(scratch)}"
        )
        for size in arguments.sizes:
            show(size, measure(Path(scratch), size, ROUNDS.get(size, 5)))


def reflink(folder: str) -> str:
    """Whether two files can share blocks there."""
    with open(f"{folder}/one", "wb+") as one, open(f"{folder}/other", "wb") as other:
        one.write(bytes(1 << 16))
        one.flush()
        try:
            fcntl.ioctl(other.fileno(), FICLONE, one.fileno())
        except OSError as error:
            return f"no ({error.strerror})"
    return "yes"


def measure(folder: Path, size: int, rounds: int) -> dict[str, list[float]]:
    """What is measured -> seconds, of every round."""
    source, copy = folder / "source", folder / "copy"
    store = Store(folder / "store")
    store.create()
    ways: dict[str, Callable[[], object]] = {
        "put": lambda: store.objects.add(source),
        "get": lambda: hand_out(
            Store(store.path), Artifact(artifact.digest, artifact.manifest, Objects(store.path)), folder / "to"
        ),
        "cp": lambda: run("cp", source, copy),
        "cp, sync": lambda: run("sh", "-c", 'cp "$0" "$1" && sync "$1"', source, copy),
        "sha256sum": lambda: run("sha256sum", source),
        "copyfile": lambda: shutil.copyfile(source, copy),
        "copyfile, fsync": lambda: copied(source, copy),
        "hashlib": lambda: hashed(source),
    }
    found: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(rounds + 1):  # the first one warms up
        with source.open("wb") as file:
            for _ in range(max(1, size >> 20)):
                file.write(os.urandom(min(size, 1 << 20)))
        artifact = write_artifact(store.objects, Output(files={"file": source}))
        for name, way in ways.items():
            if name == "put":
                store.objects.path(artifact.manifest["files"]["file"]["sha256"]).unlink()
            os.sync()
            began = time.perf_counter()
            way()
            found[name] += [time.perf_counter() - began] if turn else []
            copy.unlink(missing_ok=True)
            shutil.rmtree(folder / "to", ignore_errors=True)
        shutil.rmtree(store.path / "objects")
    return found


def run(*command: str | Path) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def copied(source: Path, target: Path) -> None:
    """A copy that is on the disk."""
    shutil.copyfile(source, target)
    with target.open("rb") as file:
        os.fsync(file.fileno())


def hashed(source: Path) -> str:
    with source.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def show(size: int, found: dict[str, list[float]]) -> None:
    """A row for each way, and what put and get are to the slower of those that they stand beside."""
    medians = {name: statistics.median(taken) for name, taken in found.items()}
    print(f"\n{size:,} bytes, {len(found['put'])} rounds")
    for name, seconds in medians.items():
        print(f"  {name:18}{seconds * 1e3:10.3f} ms  (min {min(found[name]) * 1e3:.3f}){size / seconds / 1e6:10,.0f} MB/s")
    for ours, beside in (
        ("put", ("cp", "sha256sum")),
        ("put", ("cp, sync", "sha256sum")),
        ("put", ("copyfile, fsync", "hashlib")),
        ("get", ("cp", "sha256sum")),
        ("get", ("copyfile", "hashlib")),
    ):
        ratio = max(medians[other] for other in beside) / medians[ours]
        goal = f"   (goal {GOAL})" if beside == ("cp", "sha256sum") else ""
        print(f"  {ours} to the slower of {' and '.join(beside):34}{ratio:6.2f}{goal}")


if __name__ == "__main__":
    main()
