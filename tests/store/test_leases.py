from __future__ import annotations

import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

from sirev.errors import SirevError
from sirev.store import leases
from sirev.store.leases import Gate, Lease, leased, sweep_leases


def test_what_a_living_process_holds_is_seen_and_what_it_gave_back_is_not(tmp_path: Path) -> None:
    first, second = Lease(tmp_path), Lease(tmp_path)
    first.hold(["a", "b"])
    second.hold(["b", "c"])
    assert leased(tmp_path) == {"a", "b", "c"}
    first.end()
    assert leased(tmp_path) == {"b", "c"}
    second.end()
    assert not list((tmp_path / "leases").glob("*-*"))


def test_a_lease_that_holds_nothing_leaves_no_trace(tmp_path: Path) -> None:
    lease = Lease(tmp_path)
    lease.hold([])
    lease.end()
    assert not list(tmp_path.iterdir())


def test_the_lease_of_a_killed_process_is_void_and_swept(tmp_path: Path) -> None:
    program = """
        import sys, time
        from pathlib import Path
        from sirev.store.leases import Lease
        lease = Lease(Path(sys.argv[1]))
        lease.hold(["a"])
        print("held", flush=True)
        time.sleep(600)
    """
    holder = subprocess.Popen([sys.executable, "-c", textwrap.dedent(program), tmp_path], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    assert leased(tmp_path) == {"a"}
    holder.kill()
    holder.communicate()
    assert leased(tmp_path) == set()
    sweep_leases(tmp_path)
    assert not list((tmp_path / "leases").glob("*-*"))


def test_a_collection_waits_for_those_who_publish_and_they_for_it(tmp_path: Path) -> None:
    gate, order = Gate(tmp_path), []

    def collect() -> None:
        with gate.alone() as held:
            order.append(f"collected {held}")

    with gate.shared(), gate.shared():  # they don't keep each other out
        collector = threading.Thread(target=collect)
        collector.start()
        time.sleep(0.3)
        order.append("published")
    collector.join(timeout=60)
    assert order == ["published", "collected True"]


def test_a_gate_that_never_opens_is_given_up_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "PATIENCE_SECONDS", 0.2)
    with Gate(tmp_path).alone(), pytest.raises(SirevError, match="held by another process") as caught, Gate(tmp_path).shared():
        pass
    assert "\n" not in str(caught.value)


def test_in_a_store_that_cannot_be_written_nothing_is_held_and_nothing_fails(tmp_path: Path) -> None:
    (tmp_path / "leases").write_text("in the way")
    with Gate(tmp_path).alone() as held:
        assert not held


def test_only_leases_are_read_and_swept_and_no_link_is_followed(tmp_path: Path) -> None:
    store, elsewhere = tmp_path / "store", tmp_path / "documents"
    (store / "leases").mkdir(parents=True)
    elsewhere.mkdir()
    for name in ("my-thesis.docx", f"12-{'0' * 16}"):
        (elsewhere / name).write_text("kept")
    (store / "leases" / "my-thesis.docx").write_text("kept")
    assert leased(store) == set()
    sweep_leases(store)
    assert (store / "leases" / "my-thesis.docx").exists()
    (store / "leases" / "my-thesis.docx").unlink()
    (store / "leases").rmdir()
    (store / "leases").symlink_to(elsewhere)
    assert leased(store) == set()
    sweep_leases(store)
    assert len(list(elsewhere.iterdir())) == 2
