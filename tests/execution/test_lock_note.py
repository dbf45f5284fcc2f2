from __future__ import annotations

from pathlib import Path

import pytest

from sirev.execution import lock_note
from sirev.execution.listener import Listener
from sirev.execution.lock_note import note_locks
from sirev.store.runs import Run
from sirev.store.store import Store
from tests.store.sharing.studies import add_run


class Heard(Listener):
    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, run: Run, text: str) -> None:
        self.notes.append(text)


def test_locks_that_can_not_be_relied_on_are_noted_once_for_a_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr(lock_note, "lock_doubt", lambda root: "/vm (9p) may keep locks to one machine")
    heard = Heard()
    stores = [Store(tmp_path / name) for name in ("one", "other", "one")]
    for store in stores:
        note_locks(store, add_run(store), Listener())  # where nobody listens nothing has been said
        note_locks(store, add_run(store), heard)
    assert [note.partition(" can't be relied on: /vm (9p) may")[0] for note in heard.notes] == [
        f"locks in {store.path}" for store in stores[:2]
    ]


def test_locks_that_are_sound_are_not_spoken_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr(lock_note, "lock_doubt", lambda root: None)
    heard = Heard()
    note_locks(Store(tmp_path / "one"), add_run(Store(tmp_path / "one")), heard)
    assert heard.notes == []
    assert not (tmp_path / "state").exists()
