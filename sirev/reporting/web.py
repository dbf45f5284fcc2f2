"""The report as one page: verdicts, figures, tables, and the answers behind them, read from the store."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

from sirev.errors import BadInput
from sirev.reporting.figures import FIGURES, describe, svg
from sirev.reporting.page import explorer_data, render, tables_as_html
from sirev.reporting.sections.rows import RunData, Study
from sirev.reporting.summary import Report
from sirev.store.artifacts import Artifact
from sirev.store.objects import DamagedObject
from sirev.store.runs import Run
from sirev.store.store import Store
from sirev.study.nulls import is_null


def write_page(report: Report, store: Store, path: Path, draws: int = 8) -> Path:
    """Write the report as one self-contained HTML file, and return where it is.

    The page shows the greedy answer and the first `draws` draws of every problem; answers that the store no longer has are
    shown as missing. Raises BadInput for runs of several recipes or settings: a page is about one study.
    """
    if len(report.studies) > 1:
        names = ", ".join(dict.fromkeys(study["recipe"] for study in report.studies))
        raise BadInput(f"a page shows runs of one recipe with the same settings, not of {names}; name it with --recipe or --run")
    study = report.studies[0]
    figures = [
        {
            "name": name,
            "title": title,
            "alt": describe(study, name),
            "light": svg(study, name),
            "dark": svg(study, name, dark=True),
        }
        for name, (title, _) in FIGURES.items()
    ]
    text = render(
        study,
        title=str(study["recipe"]),
        tables_html=tables_as_html(report.tables()),
        figures=figures,
        explorer=explorer(study, store, draws),
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, scratch = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with open(handle, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(scratch, 0o644)
        os.replace(scratch, path)  # a page that somebody is looking at is whole at any time
    except BaseException:
        os.unlink(scratch)
        raise
    return path


def explorer(study: Study, store: Store, draws: int) -> dict[str, Any]:
    """The problems, and the greedy answer and first `draws` draws of every model, as the page holds them."""
    answers: dict[str, Any] = {}
    problems: list[dict[str, Any]] = []
    for run in study["runs"]:
        pinned = store.runs.get(run["id"])
        if pinned is None or is_null(run["method"]):
            continue
        problems = problems or _problems(store, pinned)
        answers[f"{run['label']} {run['seed']}"] = _answers(store, pinned, run, draws)
    return explorer_data(problems, answers)


def _problems(store: Store, run: Run) -> list[dict[str, Any]]:
    split = run.settings["evaluation"]["split"]
    found = _pinned(store, run, f"source/{split}") or _pinned(store, run, f"dataset/{split}")
    try:
        return found.rows("problems") if found else []
    except (DamagedObject, OSError):
        return []


def _answers(store: Store, run: Run, of: RunData, draws: int) -> dict[int, Any]:
    split = run.settings["evaluation"]["split"]
    steps = {}
    for t in (iteration["t"] for iteration in of["iterations"]):
        greedy = _graded(store, run, f"sample/{split}/greedy:{t}", f"grade/greedy:{t}")
        drawn = _graded(store, run, f"sample/{split}:{t}", f"grade/draws:{t}")
        several: dict[str, list[Any]] = {}
        counts: dict[str, list[int]] = {}
        for id_, answer in drawn:
            right, of_all = counts.get(id_, (0, 0))
            counts[id_] = [right + bool(answer["correct"]), of_all + 1]
            if of_all < draws:
                several.setdefault(id_, []).append(answer)
        steps[t] = {"greedy": dict(greedy), "draws": several, "counts": counts}
    return steps


def _graded(store: Store, run: Run, sampled: str, graded: str) -> list[tuple[str, dict[str, Any]]]:
    completions, grades = _pinned(store, run, sampled), _pinned(store, run, graded)
    if completions is None or grades is None:
        return []
    try:
        pairs = zip(completions.rows("completions"), grades.rows("grades"), strict=True)
        return [
            (row["problem_id"], {"text": row["text"], "correct": verdict["correct"], "reason": verdict["reason"]})
            for row, verdict in pairs
        ]
    except (DamagedObject, OSError):
        return []


def _pinned(store: Store, run: Run, step: str) -> Artifact | None:
    pin = run.pins.get(step)
    return store.lookup(pin.key, pin.artifact) if pin else None
