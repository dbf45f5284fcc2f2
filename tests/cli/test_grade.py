from __future__ import annotations

import json
from pathlib import Path

from tests.conftest import Command


def test_verdicts_what_was_read_and_why(command: Command, tmp_path: Path) -> None:
    rows = [{"id": i, "text": f"It is {i}.", "gold": str(i)} for i in range(4)]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    shown = command("grade", tmp_path / "a.jsonl", "--grader", "gsm8k_strict")
    assert shown.returncode == 0
    assert "0 of 4 correct by gsm8k_strict" in shown.stdout
    assert "gsm8k_flexible would read 4 of 4" in " ".join(shown.stdout.split())
    listed = command("grade", tmp_path / "a.jsonl", "--grader", "gsm8k_flexible", "--format", "json")
    assert [one["correct"] for one in json.loads(listed.stdout)["completions"]] == [True] * 4
    assert command("grade", tmp_path / "a.jsonl", "--format", "xml").returncode == 2
