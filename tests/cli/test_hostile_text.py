"""Texts of data and of other people's stores, by every command that shows any: on a terminal and to another program."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

import sirev
from sirev.printing import HIDDEN
from sirev.store.digests import sealed
from sirev.store.records import RECORD_FORMAT
from tests.cli.several import program
from tests.commands import on_a_terminal
from tests.conftest import Study

PAYLOAD = "\x1b]52;c;aGk=\x07\x1b]0;t\x07\x1b[35;45mM\x9b2J\x85\u202e\u2066\u200b\u2028\r[red]x[/red][link=http://x.y]:smile:\x7f"
OWN = r"\x1b\[[0-9;]*m|\x1b\[\?25[lh]|\r?\x1b\[2K|\x1b\[\d+A|\r(?=\x1b\[)"
"""What sirev may send: colours, and the moves of a bar."""


@pytest.fixture(scope="module")
def hostile(smoke: Study, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with the payload wherever a text can be: levels and reasons of data, records and runs of somebody else."""
    folder = tmp_path_factory.mktemp("hostile")
    store = sirev.Store(shutil.copytree(smoke.store.path, folder / "store"))
    for step in ("M1", "M2"):
        rows = [
            {
                "id": f"{i}{PAYLOAD}",
                "completion": f"{i}{PAYLOAD}",
                "correct": i < 4,
                "level": f"={i % 2}{PAYLOAD}",
                "answer": PAYLOAD,
            }
            for i in range(8)
        ]
        (folder / f"{step}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    sirev.measure("mine", steps={step: folder / f"{step}.jsonl" for step in ("M1", "M2")}, store=store)
    for run in store.runs.all():
        settings = {**run.settings, "description": PAYLOAD, "evaluation": {**run.settings.get("evaluation", {}), "x": PAYLOAD}}
        if run.method != "samples":
            settings["model"] = {**settings["model"], "name": f"/x/{PAYLOAD}"}
        store.runs.save(replace(run, settings=settings))
    stopped = next(run for run in store.runs.all() if run.method == "dpo")
    store.runs.save(replace(stopped, status="stopped", reason=f"it {PAYLOAD}"))
    for record in store.records.all():
        told = {**record.provenance, "store": PAYLOAD, "recorded": f"2026-11-28{PAYLOAD}", "git": {"commit": PAYLOAD}}
        content = {"format": RECORD_FORMAT, "action": record.action, "artifact": record.artifact, "provenance": told}
        path = store.records.path(record.key, record.artifact)
        path.chmod(0o644)
        path.write_bytes(sealed(content))
    return store.path


def commands(store: Path) -> list[list[str]]:
    run = next(run.id for run in sirev.Store(store).runs.all() if run.method == "dpo")
    digest = next(iter(sirev.Store(store).records.all())).artifact
    asked = [
        ["store", "ls"],
        ["store", "log"],
        ["store", "log", "mine-samples"],
        ["store", "show", run],
        ["store", "show", digest],
        ["store", "du"],
        ["store", "pin"],
        ["store", "diff", run, "mine-samples"],
        ["store", "show", f"no{PAYLOAD}"],
        ["store", "verify"],
        ["store", f"no{PAYLOAD}"],
        ["plan", "tiny_smoke", "--set", "T=4"],
        ["why", "tiny_smoke", "--set", "T=4"],
        ["why", "tiny_smoke", "2:train"],
        ["report", "--recipe", "mine"],
        ["report", "all", "--recipe", "mine"],
        *(["report", "all", "--recipe", "mine", "--format", form] for form in ("markdown", "csv", "json", "latex")),
        ["report", "all", "--recipe", "tiny_smoke"],
        ["report", f"no{PAYLOAD}"],
        ["report", "--recipe", f"no{PAYLOAD}"],
        ["doctor"],
        ["store", "push", str(store.parent / "shared")],
        ["store", "pull", str(store.parent / "shared")],
        ["iterate", "tiny_smoke", "--method", "dpo"],
    ]
    return [[*one, "--store", str(store)] for one in asked]


@pytest.mark.parametrize("terminal", [True, False], ids=["terminal", "pipe"])
@pytest.mark.slow
def test_no_control_character_of_a_text_gets_out(hostile: Path, tmp_path: Path, terminal: bool) -> None:
    asked = program(commands(hostile), tmp_path)
    if terminal:
        shown, _ = on_a_terminal(asked, 100, tmp_path)
        assert "\x1b[" in shown, "no colour at all"
        assert "\x1b[35;45m" not in shown
        shown = re.sub(OWN, "", shown).replace("\r\n", "\n")
    else:
        shown = subprocess.run(asked, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=True).stdout.decode()
    for part in shown.split("$ [")[1:]:
        found = HIDDEN.findall(part.replace("\n", "").replace("\t", ""))
        assert not found, part
        assert "Traceback" not in part
    assert r"\x1b]52;c;aGk=\x07" in shown
    assert "[red]x[/red]" in shown
    assert ":smile:" in shown
