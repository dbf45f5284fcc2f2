"""A store of 100,000 records and 300,000 objects: how long looking up, listing, explaining, collecting and verifying take.

    python benchmarks/scale.py [--records N] [--runs N] [--repeats N] [--only COMMAND...]

The store is made up, in build/scale-RECORDS-RUNS (1.9 GB with the file system's blocks; a minute or two), and stays there for
the next time: chains of records as sirev writes them, each with an artifact of two small files, so three objects with the
manifest. Runs of 500 steps pin them from the first one on, what is left is rubbish. Into it `tiny_smoke` is computed, so that
there is something to replay and to explain; the same replay from a store that holds nothing else is there to compare.

A lookup is that of a key at random by a `Store` opened for it. The commands are whole processes; quoted are medians of wall
time, and the largest memory.
"""

from __future__ import annotations

import argparse
import os
import platform
import random
import resource
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

from sirev.execution.actions import PACKAGES
from sirev.recipe import load_recipe
from sirev.store.artifacts import MANIFEST_FORMAT, Artifact
from sirev.store.digests import canonical_json, sha256
from sirev.store.provenance import hardware, versions
from sirev.store.records import RECORD_FORMAT, action_key
from sirev.store.runs import Pin, Run
from sirev.store.store import Store

CHECKOUT = Path(__file__).resolve().parents[1]
SIREV = str(Path(sys.executable).with_name("sirev"))
RECIPE = ["--recipe", "tiny_smoke", "--method", "sft"]
CHAIN = ("source", "train", "sample", "grade", "select", "train", "sample", "grade", "measure", "compare")
STEPS = 500
LOOKUPS = 500
COMMANDS = {
    "iterate, all there": ["iterate", *RECIPE],
    "why": ["why", *RECIPE],
    "why, another seed": ["why", *RECIPE, "--seed", "7"],
    "plan": ["plan", *RECIPE],
    "report": ["report", *RECIPE[:2]],
    "store ls": ["store", "ls"],
    "store du": ["store", "du"],
    "store log": ["store", "log"],
    "store show RUN": ["store", "show", "RUN"],
    "store show KEY": ["store", "show", "KEY"],
    "store diff RUN RUN": ["store", "diff", "RUN", "OTHER"],
    "store gc --dry-run": ["store", "gc", "--dry-run"],
    "store verify": ["store", "verify"],
}
SLOW = 20.0
"""Seconds from which a command is measured once."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=6, help="each pins 500 records")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--only", nargs="*", default=list(COMMANDS), help="commands, as they are called in the table")
    arguments = parser.parse_args()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    root = CHECKOUT / "build" / f"scale-{arguments.records}-{arguments.runs}"
    alone = root.with_name(f"{root.name}-alone")
    keys = prepare(root, alone, arguments.records, arguments.runs)
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    print(f"{arguments.records:,} records, {3 * arguments.records:,} objects, {arguments.runs} runs")
    lookups(root, keys)
    ids = Store(root).runs.ids()
    named = {"RUN": ids[0], "OTHER": ids[1], "KEY": keys[len(keys) // 2][:12]}
    for name, command in COMMANDS.items():
        if name in arguments.only:
            asked = [named.get(word, word) for word in command]
            measure(name, asked, root, arguments.repeats)
            if name == "iterate, all there":
                measure("the same, nothing else there", asked, alone, arguments.repeats)


def prepare(root: Path, alone: Path, records: int, runs: int) -> list[str]:
    """Make the store, unless it was made before; the keys of its records."""
    done = root / "made"
    if not done.exists():
        shutil.rmtree(root, ignore_errors=True)
        shutil.rmtree(alone, ignore_errors=True)
        subprocess.run([SIREV, "iterate", *RECIPE, "--store", str(alone)], check=True, capture_output=True)
        shutil.copytree(alone, root)
        began = time.perf_counter()
        keys = make(root, records, runs)
        print(f"made {records:,} records and {3 * records:,} objects in {time.perf_counter() - began:.0f} s", flush=True)
        done.write_text("\n".join(keys))
    return done.read_text().split()


def make(root: Path, records: int, runs: int) -> list[str]:
    """Write the layout straight out, nothing synced; the keys."""
    store = Store(root)
    for kind in ("objects", "records"):
        for beginning in range(256):
            (root / kind / f"{beginning:02x}").mkdir(parents=True, exist_ok=True)
    noted = {"packages": versions(PACKAGES), "hardware": hardware(), "git": {"commit": "0" * 40, "changed": False}}
    settings = load_recipe("tiny_smoke").settings()
    pins: dict[str, Pin] = {}
    keys: list[str] = []
    before: Artifact | None = None
    for number in range(records):
        place = number % len(CHAIN)
        files = {name: f'{{"{name}":{number}}}'.encode() for name in ("value.json", "notes.json")}
        entries = {name: {"sha256": put(root, data), "size": len(data)} for name, data in files.items()}
        manifest = {"format": MANIFEST_FORMAT, "files": entries, "tables": {}}
        artifact = put(root, canonical_json(manifest))
        action = {
            "stage": CHAIN[place],
            "version": 1,
            "parameters": {"number": number, "seed": number % 5, "temperature": 0.7},
            "inputs": {"value": before.semantic} if before and place else {},
        }
        before = Artifact(artifact, manifest, store.objects)
        key = action_key(action)
        recorded = f"2026-01-{1 + number * 28 // records:02}T{number % 24:02}:00:00.{number % 10**6:06}+00:00"
        provenance = {**noted, "started": recorded, "seconds": 1.5, "recorded": recorded, "store": store.id}
        record = {"format": RECORD_FORMAT, "action": action, "artifact": artifact, "provenance": provenance}
        folder = f"{root}/records/{key[:2]}/{key}"
        os.mkdir(folder)
        write(f"{folder}/{artifact}.json", canonical_json(record))
        keys.append(key)
        if number < runs * STEPS:
            pins[f"{CHAIN[place]}:{number % STEPS // len(CHAIN)}:{place}"] = Pin(key, artifact)
            if len(pins) == STEPS:
                run = number // STEPS
                store.runs.save(Run(f"scale-sft-s{run}", "scale", "sft", run, 1, settings, recorded, "complete", pins=pins))
                pins = {}
    return keys


def put(root: Path, data: bytes) -> str:
    """Write an object; its digest."""
    digest = sha256(data)
    write(f"{root}/objects/{digest[:2]}/{digest[2:]}", data)
    return digest


def write(path: str, data: bytes) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT, 0o444)
    os.write(fd, data)
    os.close(fd)


def lookups(root: Path, keys: list[str]) -> None:
    """The time to open the store and look a key up, with and without the pin."""
    drawn = random.Random(0).sample(keys, min(LOOKUPS, len(keys)))
    taken = []
    for key in drawn:
        began = time.perf_counter()
        found = Store(root).lookup(key)
        taken.append(time.perf_counter() - began)
        assert found is not None
    taken.sort()
    print(f"{'lookup':32}{statistics.median(taken) * 1e3:9.3f} ms  (95 %: {taken[len(taken) * 95 // 100] * 1e3:.3f})  goal 1 ms")


def measure(name: str, command: list[str], root: Path, repeats: int) -> None:
    """Run a command some times and say how long it took."""
    taken: list[float] = []
    memory = 0
    while len(taken) < repeats and not (taken and taken[0] > SLOW):
        began = time.perf_counter()
        process = subprocess.Popen(
            [SIREV, *command, "--store", str(root)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        assert process.stderr is not None
        with process.stderr as complaints:
            said = complaints.read()
        _, status, used = os.wait4(process.pid, 0)
        taken.append(time.perf_counter() - began)
        process.returncode = os.waitstatus_to_exitcode(status)
        memory = max(memory, used.ru_maxrss)
        if process.returncode:
            print(f"{name:32}failed with {process.returncode}: {said.strip()[-200:]}", flush=True)
            return
    # A child begins with the peak of whoever started it: what is no larger was not seen.
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    told = f"{memory >> 10:7} MiB" if memory > 1.1 * own else f"  below {own >> 10} MiB"
    print(f"{name:32}{statistics.median(taken):9.3f} s   (min {min(taken):.3f}, of {len(taken)}){told}", flush=True)


if __name__ == "__main__":
    main()
