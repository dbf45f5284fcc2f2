"""Machines of a sweep without a common disk: processes that compute some of its segments, each in its own store."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from sirev.store.sharing.remote import Remote
from sirev.store.store import Store

PROGRAM = """
import sys, time
from pathlib import Path
from sirev.api.sweep import GridSweep
from sirev.api.sweep_task import SentSweep, machine_facts
from sirev.recipe.grid import read_grid
from sirev.store.store import Store

grid, store, remote, ended, place, count = sys.argv[1:]
made = GridSweep(read_grid(Path(grid)), Store(store), remote=remote, push=True)
sent = SentSweep.of(made)
for number, segment in enumerate(made.segments):
    if number % int(count) == int(place):
        while not all(Path(ended, parent).exists() for parent in segment.parents):
            time.sleep(0.05)
        sent.compute(segment, machine_facts(sent))
        Path(ended, segment.id).touch()
"""


def compute_apart(grid: Path, stores: Sequence[Path], remote: str, ended: Path) -> None:
    """Compute a grid's segments in turn on one machine per store; they mark finished segments in the folder `ended`."""
    ended.mkdir()
    Remote(remote).create()
    machines = [
        subprocess.Popen([sys.executable, "-c", PROGRAM, grid, store, remote, ended, str(place), str(len(stores))])
        for place, store in enumerate(stores)
    ]
    try:
        assert [machine.wait(900) for machine in machines] == [0] * len(machines)
    finally:
        for machine in machines:
            machine.kill()
            machine.wait()


def computed(stores: Sequence[Path]) -> Counter[str]:
    """Key -> number of machines that computed it."""
    opened = [Store(path) for path in stores]
    return Counter(record.key for store in opened for record in store.records.all() if record.provenance.get("store") == store.id)
