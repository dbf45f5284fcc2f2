"""The tables published with a model: its graded answers, and D_t."""

from __future__ import annotations

from sirev.api.answers import ANSWER_COLUMNS, answer_rows, answers, problem_rows
from sirev.errors import BadInput
from sirev.reporting.cards.completions_card import PublishedTable
from sirev.reporting.cards.published_model import PublishedModel
from sirev.store.checkout import refuse_hollow
from sirev.study.remedies import OR_RECOMPUTE
from sirev.study.step_names import (
    DRAWS,
    GREEDY_ANSWERS,
    TRAINING_DRAWS,
    AnswerSteps,
    answer_kinds,
    answer_steps,
    grading_step,
    sampling_step,
    selection_step,
    suite_of,
    temperature_of,
)

_TYPES = {"t": "int", "draw": "int", "tokens": "int", "correct": "bool"}
_COLUMNS = {name: _TYPES.get(name, "string") for name in ANSWER_COLUMNS}


def published_tables(model: PublishedModel) -> list[PublishedTable]:
    """Draws and greedy answers of M_t on the evaluation, then on other problems; the draws that D_t was selected from; D_t.

    Raises BadInput if M_t was not evaluated or the store has dropped any of it.
    """
    run, split = model.run, str(model.settings["evaluation"]["split"])
    found = answer_kinds(run.pins, split)
    kinds = [kind for kind, ts in found.items() if model.t in ts and kind != TRAINING_DRAWS]  # these are for D_{t+1}
    if not kinds:
        raise BadInput(f"M_{model.t} of {run.id} was not evaluated, so it has no completions to publish; leave out --completions")
    kinds.sort(key=lambda kind: (kind != DRAWS, kind != GREEDY_ANSWERS, kind))
    tables = [_answered(model, kind, split) for kind in kinds]
    steps = AnswerSteps(TRAINING_DRAWS, sampling_step(TRAINING_DRAWS, model.t - 1), grading_step("select", model.t - 1))
    if steps.completions in run.pins and steps.grades in run.pins:
        problems = {row["id"]: row for row in problem_rows(model.store, run, TRAINING_DRAWS)}
        rows = list(answer_rows(model.store, run, model.t - 1, steps, problems, None))
        what = f"draws of M_{model.t - 1} on training problems, from which D_{model.t} was chosen"
        tables.append(PublishedTable("training_draws", TRAINING_DRAWS, _COLUMNS, rows, what))
    return [*tables, *_training_set(model)]


def _answered(model: PublishedModel, kind: str, split: str) -> PublishedTable:
    rows = answers(model.run.id, model.t, kind=kind, store=model.store).rows
    own = answer_steps(kind, split, model.t).split
    return PublishedTable(kind.replace("/", "_"), "test" if suite_of(own) else own, _COLUMNS, rows, _in_words(kind))


def _in_words(kind: str) -> str:
    told = {DRAWS: "draws on the problems of the evaluation", GREEDY_ANSWERS: "greedy answers to the same problems"}
    if (temperature := temperature_of(kind)) is not None:
        return f"draws on the same problems at temperature {temperature}"
    suite, _, drawn = kind.partition("/")
    return told.get(kind) or f"{'draws on' if drawn else 'greedy answers to'} other problems: {suite}"


def _training_set(model: PublishedModel) -> list[PublishedTable]:
    pin = model.run.pins.get(selection_step(model.t))
    if pin is None:
        return []
    artifact = model.store.artifact(pin.artifact)
    refuse_hollow(model.store, artifact, OR_RECOMPUTE)
    rows = artifact.rows("examples")
    types = artifact.manifest["tables"]["examples"]["columns"]
    columns = {name: types[name] for name in (rows[0] if rows else types)}
    return [PublishedTable("training_set", TRAINING_DRAWS, columns, rows, f"D_{model.t}, what M_{model.t} was trained on")]
