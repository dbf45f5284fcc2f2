"""Export of a run's graded answers as logs of inspect_ai or lm-evaluation-harness."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from sirev.api.answers import answers, run_and_store
from sirev.errors import BadInput
from sirev.explain.lookup import run_named
from sirev.grading.grade import UNANSWERED
from sirev.reporting.identities import identities
from sirev.store.runs import Run
from sirev.store.store import Store
from sirev.study.step_names import TRAINING_DRAWS, answer_kinds, answer_steps, evaluation_split
from sirev.suggest import suggest
from sirev.tasks.external.answer_log import AnswerLog
from sirev.tasks.external.inspect_writing import require_inspect, write_inspect_log
from sirev.tasks.external.lm_eval_writing import write_lm_eval_log

if TYPE_CHECKING:
    from sirev.api.iterate import RunResult
    from sirev.api.measure import MeasuredRun

LogForm = Literal["inspect", "lm-eval"]
LOG_FOLDER = "logs"
"""The default folder of `inspect view`."""
OF_THE_FILES = "verdict"
"""The grader's name for verdicts from the files of imported completions."""
_WRITERS: dict[str, Callable[[AnswerLog, Path], list[Path]]] = {"inspect": write_inspect_log, "lm-eval": write_lm_eval_log}


def export_logs(
    run: str | RunResult | MeasuredRun,
    to: LogForm,
    output: str | Path = LOG_FOLDER,
    *,
    kinds: Iterable[str] = (),
    store: Store | str | Path | None = None,
) -> list[Path]:
    """Write the graded answers of every M_t as logs into a folder, and return the paths.

    "inspect": an .eval log per M_t and kind of answers. "lm-eval": results_*.json and samples_*.jsonl per M_t and kind, in a
    folder per model. `kinds` are those of `sirev.answers`, by default all but the draws on training problems. A second export of
    a run overwrites the files of the first. Raises BadInput for an unknown run, form or kind, for a folder that can't be written,
    and if inspect_ai is needed and not installed.
    """
    if to not in _WRITERS:
        raise BadInput(f"--to: unknown {to!r}{suggest(str(to), list(get_args(LogForm)))}")
    if to == "inspect":
        require_inspect()
    opened, name = run_and_store(run, store)
    found = run_named(opened, name)
    folder = Path(output)
    known = answer_kinds(found.pins, evaluation_split(found.settings))
    wanted = list(kinds) or [kind for kind in known if kind != TRAINING_DRAWS]
    for kind in wanted:
        if kind not in known:
            raise BadInput(f"--kind: the run {found.id} has no answers of the kind {kind!r}{suggest(kind, list(known))}")
    if not wanted:
        raise BadInput(f"the run {found.id} has no graded answers yet")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return [path for kind in wanted for t in known[kind] for path in _WRITERS[to](_log_of(opened, found, kind, t), folder)]
    except OSError as error:
        raise BadInput(f"--output {folder}: can't be written: {error.strerror or error}") from None


def _log_of(store: Store, run: Run, kind: str, t: int) -> AnswerLog:
    split = evaluation_split(run.settings)
    names = run.settings.get("steps")
    model = names[t - 1] if names else f"M_{t}"
    pin = run.pins[answer_steps(kind, split, t).grades]
    record = store.records.get(pin.key, pin.artifact)
    grader = record.action["parameters"].get("grader") if record else None
    details = {"run": run.id, "recipe": run.recipe, "method": run.method, "seed": run.seed, "t": t, "kind": kind}
    task = (run.settings.get("task") or {}).get("name") or run.recipe
    base = _base_of(store, run, t)
    return AnswerLog(
        task=f"{task}-{kind}",
        model=f"sirev/{run.id}/{model}",
        grader=str(grader or OF_THE_FILES),
        created=run.invocation.rpartition("-")[0],
        rows=answers(run.id, t, kind=kind, store=store).rows,
        unread=UNANSWERED,
        details=details | ({"base_model": base} if base else {}),
    )


def _base_of(store: Store, run: Run, t: int) -> str | None:
    """The base model of M_t, or the evaluated model; for an adapter, its base. None if unknown."""
    if (given := identities(store, run)) is not None:
        one = given[t - 1]
        return (one["base"] or one)["name"]
    return (run.settings.get("model") or {}).get("name")
