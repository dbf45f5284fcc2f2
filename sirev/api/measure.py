"""Measuring of completions made elsewhere: files take the place of the loop, everything after them is as in a run."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, cast, get_args

from sirev.api.answers import shown_result
from sirev.errors import BadInput, StageFailed
from sirev.execution.children import Crew
from sirev.execution.latest_runs import remember
from sirev.execution.listener import Listener
from sirev.execution.runner import Runner, os_reason
from sirev.metrics.comparison.contents import Iteration
from sirev.metrics.families import of_draws
from sirev.stages import compare, dataset, embed, grade, imported
from sirev.stages import measure as measures
from sirev.stages import model as models_stage
from sirev.store.artifacts import Artifact
from sirev.store.digests import canonical_json, sha256
from sirev.store.local_files import LocalFiles
from sirev.store.provenance import now
from sirev.store.runs import Run
from sirev.store.store import Store
from sirev.study.external.comparability import check_greedy, check_problems, is_greedy, notes, warnings
from sirev.study.external.given_names import check_comparison, check_steps, check_unused, require_mapping
from sirev.study.external.judging import Judging, judging
from sirev.study.external.model_files import Given, ModelFiles, Read, sources
from sirev.study.external.unjudged import Found, how_to_judge
from sirev.study.external.unstated import without_unsaid
from sirev.study.grading_task import FileGrading, GradingTask, file_grading, grading_task
from sirev.study.inputs import embedding_parameters
from sirev.study.reading import unread_notes
from sirev.study.step_names import (
    COMPARISON,
    EMBEDDING_MODEL,
    answer_steps,
    embedding_step,
    import_step,
    measuring_step,
    problems_step,
)
from sirev.suggest import suggest
from sirev.tasks.external.completions import FIELD_NAMES, READERS, field_paths
from sirev.tasks.load import DatasetParameters
from sirev.tasks.rows import IN_A_RECIPE
from sirev.tasks.task import Answers

METHOD = "samples"
"""The method of such a run: nobody here knows how its models came about."""
_ANSWERS: tuple[Answers, ...] = get_args(Answers)
SINGLE = ("greedy", "draw")
"""What a model's completions are where each problem has one."""
_SPLIT = "test"
"""The split that the steps of such a run name, whichever its problems are of."""


@dataclass(frozen=True)
class StepRead:
    """What was read for a model, the `step` of that name: its files, how many problems and completions, and from which fields.

    `taken`: "greedy" or "draws". `fewest`, `most`: completions per problem. `fields`: what was read -> the field, a dotted path.
    """

    step: str
    taken: str
    files: tuple[str, ...]
    problems: int
    fewest: int
    most: int
    fields: Mapping[str, str]


@dataclass(frozen=True)
class MeasuredRun:
    """Measured completions: the id of their run in the store, and what `compare` says.

    `steps` are the names of M_1 .. M_T, `iterations` the list of `sirev report --format json`; `computed` names the steps that
    were not found in the store; `read` is what was read, a step's completions first, then its greedy answers.
    """

    id: str
    steps: tuple[str, ...]
    iterations: list[Iteration]
    computed: tuple[str, ...]
    read: tuple[StepRead, ...] = field(default=(), repr=False, compare=False)
    method: str = METHOD
    seed: int = 0

    def __repr__(self) -> str:
        return shown_result(self.id, self.iterations, len(self.computed))


def measure(
    name: str,
    *,
    steps: Mapping[str, Given],
    greedy: Mapping[str, Given] | None = None,
    task: str | None = None,
    data: str | Path | None = None,
    split: str = "test",
    grader: str | None = None,
    fields: Mapping[str, str] | None = None,
    reader: str = "auto",
    filter: str | None = None,
    answers: str | None = None,
    single: str = "greedy",
    common: bool = False,
    k: Sequence[int] = (),
    margin: float | None = None,
    diversity_margin: float | None = None,
    new_margin: float | None = None,
    embedding: str | None = None,
    grader_settings: Mapping[str, Any] | None = None,
    unsafe_code: bool = False,
    store: Store | str | Path | None = None,
    listener: Listener | None = None,
) -> MeasuredRun:
    """Measure and compare completions from files, a file for each model step, M_1 first; `sirev.report` then shows them.

    `steps` and `greedy` map a step's name to its file: JSONL, JSONL.gz, Parquet or JSON, a row a completion or a row a problem
    with lists; or to a folder, a pattern ("m1-*.jsonl") or a list, whose files are read as one. Several completions of a problem
    are draws; a single one is the greedy answer, unless `greedy` names another file or `single` is "draw". Where there are no
    greedy answers, pass@1 is the mean share of right draws. Verdicts come from the files, or from a `grader` on the problems of a
    `task` ("gsm8k", say, or "jsonl": your own), whose rows are the local file or folder `data`, else the Hub's. `fields` are
    dotted paths for "id", "text", "correct", "level", "answer" (as read from the completion), "prompt" and "gold", where
    `{step}` stands for the step's name; defaults are names in common use. `reader`: "auto", or what wrote the files;
    `filter`: whose verdicts of a log count. `answers`: "math", "code", "text" or "letters", which decides what
    diversity means. `common`: compare the problems that all steps have, where some lack a few. `k`: pass@k for these too, beside
    the powers of two; `margin`, `diversity_margin`, `new_margin` and `embedding` (a model of sentence-transformers) are as in a
    recipe's evaluation, `grader_settings` as in its grader's section: {"seconds": 3}.

    Raises BadInput, one line naming the place, for files that can't be read, whose ids name completions, or whose problems don't
    match the task or each other, and for the `name` of a recipe; StageFailed where a grader fails. A run is saved when it is
    complete.
    """
    greedy, fields = greedy or {}, fields or {}
    require_mapping("steps", steps, '{"M1": "m1.jsonl", "M2": "m2.jsonl"}')
    require_mapping("greedy", greedy, '{"M1": "m1-greedy.jsonl"}')
    require_mapping("fields", fields, '{"text": "response"}')
    found: Found | None = None
    if task is None and grader is None:
        with contextlib.suppress(MemoryError):  # the step that reads the file ends by it too, and is named
            found = how_to_judge(steps, fields, reader)
        task, grader = (found.task, found.grader) if found else (None, None)
    wishes = judging(k, {"margin": margin, "diversity_margin": diversity_margin, "new_margin": new_margin}, embedding)
    settings, asked = _request(
        name, steps, greedy, task, data, split, grader, grader_settings, fields, reader, filter, answers, single
    )
    settings["evaluation"] |= wishes.settings()
    if unsafe_code:
        if asked is None:
            raise BadInput("--allow-unsafe-code: no grader runs programs here")
        asked = asked.unconfined()
    settings |= ({"single": single} if single != "greedy" else {}) | ({"common": True} if common else {})
    opened = store if isinstance(store, Store) else Store(store)
    check_unused(name, "measure", opened)
    local = LocalFiles(opened.objects)
    given = sources(steps, greedy, local, reader=reader, fields=fields, filter=filter, task=asked)
    settings["samples"] = {f"{one.kind} {one.model}": one.settings() for one in given}
    if asked is not None:
        settings["task"] = asked.settings()
    run_id = f"{name}-{METHOD}-s0-{sha256(canonical_json(settings))[:8]}"
    for one in given:
        settings["samples"][f"{one.kind} {one.model}"]["file"] = one.names  # to show: a file that moves is the same
    run = opened.runs.get(run_id) or Run(run_id, name, METHOD, 0, 1, settings, f"{now()}-{secrets.token_hex(3)}")
    crew = Crew(run.invocation, embedded=False)
    listener = listener or Listener()
    runner = _SavedWhenComplete(opened, run, crew, listener)
    if found is not None:
        listener.note(run, found.why)
    try:
        with crew.turn, opened.leasing():
            measuring = _Measuring(runner, listener, asked, local, settings["answers"], single, common, wishes)
            comparison, read = measuring.run(len(steps), given)
            runner.finish("complete", None)
    except OSError as error:  # the disk is full, say
        raise StageFailed(f"{run.id}: {os_reason(error)}") from error
    finally:  # also on Ctrl-C
        crew.close()
    remember(opened, [run.id])
    (compared,) = comparison.json("comparison.json")["runs"]
    distinct = compared["iterations"][-1]["against_m1"].get("distinct") if settings["answers"] != "letters" else None
    for line in [*notes(read, distinct), *unread_notes(opened, run)]:
        listener.note(run, line)
    told = tuple(_told(one, single, read) for one in sorted(read, key=lambda one: one.source.t))
    iterations = without_unsaid(opened, run, compared["iterations"])
    if asked is not None:
        for step, iteration in zip(steps, iterations, strict=True):
            if iteration["pass_at_1"]["value"] == 0:
                grader = asked.grader.name
                listener.warn(run, f"{step}: {grader} finds no answer correct; check what it read before you trust that")
    return MeasuredRun(run.id, tuple(steps), iterations, tuple(runner.computed), told)


def _told(one: Read, single: str, read: Sequence[Read]) -> StepRead:
    found, source = one.summary, one.source
    beside = any(other.source.kind == "greedy" and other.source.t == source.t for other in read)
    taken = "greedy" if source.kind == "greedy" or (is_greedy(one, single) and not beside) else "draws"
    at = {what: ".".join(found["fields"][what]) for what in FIELD_NAMES if what in found["fields"]}
    files = tuple(map(str, source.files))
    return StepRead(source.model, taken, files, found["problems"], found["fewest"], found["most"], at)


class _SavedWhenComplete(Runner):
    """A runner that saves its run at its end alone: what is refused or interrupted leaves no run behind.

    Nothing is lost by that, since steps are found by their keys.
    """

    def _save(self, run: Run) -> None:
        if run.status != "running":
            super()._save(run)


@dataclass(frozen=True)
class _Measuring:
    """The steps of one run from files, named as those of an iterated run are, so that whatever reads one reads the other."""

    runner: Runner
    listener: Listener
    task: GradingTask | FileGrading | None
    local: LocalFiles
    answers: str | None
    """None: as the files' reader has it."""
    single: str
    common: bool
    wishes: Judging

    def run(self, models: int, given: Sequence[ModelFiles]) -> tuple[Artifact, list[Read]]:
        """The comparison, and what it was made of."""
        inputs: dict[str, Artifact] = {}
        if isinstance(self.task, GradingTask):
            for split in self.task.splits:
                asked = self.task.dataset(split, self.local)
                name = "problems" if len(self.task.splits) == 1 else f"problems/{split}"
                inputs[name] = self._problems(problems_step("task", split), asked)
        read = [self._read(source, inputs) for source in given]
        check_greedy(read, self.single)
        if self.common:
            read = self._narrowed(read)
        check_problems(read)
        for warning in warnings(read, self.single):
            self.listener.warn(self.runner.run, warning)
        answers = self.answers or ("code" if all(one.summary["reader"] == "evalplus" for one in read) else "math")
        parts = [self._parts(t, read) for t in range(1, models + 1)]
        compared: dict[str, Artifact] = {}
        for t, of_model in enumerate(parts, 1):
            compared |= self._model(t, of_model, answers, read[0])
        first = read[0]
        self.runner.step(problems_step("source", _SPLIT), imported.STAGE, first.source.parameters, first.inputs)
        settings = compare.CompareParameters(
            runs=[{"method": METHOD, "seed": 0, "iterations": list(range(1, models + 1))}],
            suites=[],
            answers=answers,
            guess=self.task.section.guess if isinstance(self.task, GradingTask) else None,
            diversity_counts=True,
            from_draws=not any("greedy" in of_model for of_model in parts),
            k=list(self.wishes.k),
        )
        settings = replace(settings, **cast(Any, self.wishes.margins))
        return self.runner.step(COMPARISON, compare.STAGE, settings, compared), read

    def _problems(self, step: str, asked: DatasetParameters) -> Artifact:
        try:
            return self.runner.step(step, dataset.STAGE, asked, {})
        except BadInput as error:
            raise BadInput(str(error).replace(IN_A_RECIPE, "or name a file of its rows: --data PATH")) from None

    def _read(self, source: ModelFiles, inputs: Mapping[str, Artifact], *, common: bool = False) -> Read:
        step = import_step(source.kind, source.t, common=common)
        artifact = self.runner.step(step, imported.STAGE, source.parameters, inputs)
        return Read(source, artifact, artifact.json("summary.json"), inputs)

    def _narrowed(self, read: list[Read]) -> list[Read]:
        """The same with the problems alone that all have, where they have not the same already."""
        if len({one.summary["ids"] for one in read}) == 1:
            return read
        narrowed = [self._read(one.source, one.narrowed_by(read), common=True) for one in read]
        left = narrowed[0].summary["problems"]
        gone = [f"{one.source.model} {one.summary['problems'] - left:,}" for one in read if one.summary["problems"] > left]
        self.listener.note(self.runner.run, f"--common: {left:,} problems that every step has; left out: {', '.join(gone)}")
        return narrowed

    def _parts(self, t: int, read: Sequence[Read]) -> dict[Literal["greedy", "draws"], Read]:
        """What a model has of greedy answers and draws."""
        by_kind = {one.source.kind: one for one in read if one.source.t == t}
        if "greedy" in by_kind:
            return {"draws": by_kind["file"], "greedy": by_kind["greedy"]}
        return {"greedy" if is_greedy(by_kind["file"], self.single) else "draws": by_kind["file"]}

    def _model(self, t: int, parts: Mapping[Literal["greedy", "draws"], Read], answers: str, first: Read) -> dict[str, Artifact]:
        """The measures of one model, as inputs of `compare`."""
        measured = {}
        for part, read in parts.items():
            parameters = read.source.parameters
            steps = answer_steps(part, _SPLIT, t)
            completions = self.runner.step(steps.completions, imported.STAGE, parameters, read.inputs)
            graded = {"problems": first.artifact, "completions": completions}
            if self.task is None:
                grades = self.runner.step(steps.grades, imported.STAGE, parameters, read.inputs)
            else:
                grades = self.runner.step(steps.grades, grade.STAGE, self.task.grading(self.local), graded)
            families = {part: "accuracy"} | ({name: name for name in of_draws(answers)} if part == "draws" else {})
            for what, family in families.items():
                wants = measures.parameters_for(family, answers)
                arguments = {**graded, "grades": grades}
                measured[f"{METHOD}/0/{t}/{what}"] = self.runner.step(measuring_step(what, t), measures.STAGE, wants, arguments)
            if part == "draws" and self.wishes.embedding is not None and answers != "letters":
                named = embedding_parameters(self.wishes.embedding, self.local)
                embedder = self.runner.step(EMBEDDING_MODEL, models_stage.STAGE, named, {})
                wanted = embed.EmbedParameters(self.wishes.embedding.batch_size)
                embedded = self.runner.step(embedding_step(t), embed.STAGE, wanted, {**arguments, "model": embedder})
                measured[f"{METHOD}/0/{t}/embedding"] = embedded
        return measured


def _request(
    name: str,
    models: Mapping[str, Given],
    greedy: Mapping[str, Given],
    task: str | None,
    data: str | Path | None,
    split: str,
    grader: str | None,
    grader_settings: Mapping[str, Any] | None,
    fields: Mapping[str, str],
    reader: str,
    chosen: str | None,
    answers: str | None,
    single: str,
) -> tuple[dict[str, Any], GradingTask | FileGrading | None]:
    """The checked request: the run's settings as far as the files don't matter, and the task that grades, if one does."""
    check_comparison(name)
    if not models:
        raise BadInput("name a step and its file: --step M1=FILE")
    check_steps((*models, *greedy))
    for model in greedy:
        if model not in models:
            raise BadInput(f"--greedy {model}: no such step{suggest(model, list(models))}")
    if reader not in READERS:
        raise BadInput(f"--reader: unknown reader {reader!r}{suggest(reader, list(READERS))}")
    if answers is not None and answers not in _ANSWERS:
        raise BadInput(f"--answers: unknown kind {answers!r}{suggest(answers, list(_ANSWERS))}")
    if single not in SINGLE:
        raise BadInput(f"--single: unknown {single!r}{suggest(single, list(SINGLE))}")
    if task is None and data:
        raise BadInput("--data goes with --task, which says what the problems are")
    if (task is not None or grader is not None) and "correct" in fields:
        raise BadInput(
            f"--correct and --{'task' if task else 'grader'}: use the verdicts of the file or those of a grader, not both"
        )
    field_paths(fields, "")
    asked: GradingTask | FileGrading | None = None
    if task is not None:
        asked = grading_task(task, data, grader, split, grader_settings)
    elif grader is not None:
        asked = file_grading(grader, grader_settings)
    elif grader_settings:
        raise BadInput(
            "--grader-set: the verdicts are those of the files; to have a grader judge instead, name --task or --grader"
        )
    settings = {
        "name": name,
        "task": {"name": "files"},
        "training": {"parameters": "none"},
        "evaluation": {"split": "test", "ood": {}},
        "env": "any",
        "T": len(models),
        "steps": list(models),
        "answers": answers or (asked.answers if asked else None),
        "reader": reader,
        "filter": chosen,
    }
    return settings, asked
