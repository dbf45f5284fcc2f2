"""Measuring of completions made elsewhere: files take the place of the loop, everything after them is as in a run."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sirev.errors import BadInput, StageFailed
from sirev.recipe import suggest
from sirev.stages import compare, dataset, grade, samples
from sirev.stages import measure as measures
from sirev.store.artifacts import Artifact
from sirev.store.digests import canonical_json, sha256
from sirev.store.local_files import LocalFiles
from sirev.store.provenance import now
from sirev.store.runs import Run
from sirev.store.store import Store
from sirev.study.answers import shown_result
from sirev.study.crew import Crew
from sirev.study.grading_task import GradingTask, grading_task
from sirev.study.invocation import Quiet
from sirev.study.latest import remember
from sirev.study.runner import Listener, Runner, os_reason
from sirev.study.steps import GUESS
from sirev.tasks.sample_files import form_of
from sirev.tasks.samples import READERS, field_paths

METHOD = "samples"
"""The method of such a run: nobody here knows how its models came about."""
ANSWERS = ("math", "code", "text", "letters")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


@dataclass(frozen=True)
class MeasuredRun:
    """Measured completions: the id of their run in the store, and what `compare` says.

    `steps` are the names of M_1 .. M_T, `iterations` the list of `sirev report --format json`; `computed` names the steps that
    were not found in the store.
    """

    id: str
    steps: tuple[str, ...]
    iterations: list[dict[str, Any]]
    computed: tuple[str, ...]
    method: str = METHOD
    seed: int = 0

    def __repr__(self) -> str:
        return shown_result(self.id, self.iterations, len(self.computed))


def measure(
    name: str,
    *,
    steps: Mapping[str, str | Path],
    greedy: Mapping[str, str | Path] | None = None,
    task: str | None = None,
    data: str | Path | None = None,
    split: str = "test",
    grader: str | None = None,
    fields: Mapping[str, str] | None = None,
    reader: str = "auto",
    filter: str | None = None,
    answers: str | None = None,
    unsafe_code: bool = False,
    store: Store | str | Path | None = None,
    listener: Listener | None = None,
) -> MeasuredRun:
    """Measure and compare completions from files, a file for each model step, M_1 first; `sirev.report` then shows them.

    `steps` and `greedy` map a step's name to its file: JSONL, JSONL.gz, Parquet or JSON, a row a completion or a row a problem
    with lists. Several completions of a problem are draws; a single one is the greedy answer, unless `greedy` names another file.
    Verdicts come from the files, or from a `grader` on the problems of a `task` ("gsm8k", "math", "mbpp", "csqa", "jsonl"), whose
    rows are the local file or folder `data`, else the Hub's. `fields` are dotted paths for "id", "text", "correct", "level",
    "answer" (as read from the completion), "prompt" and "gold", where `{step}` stands for the step's name; defaults are names in
    common use. `reader`: "auto", "rows", "lm-eval" or "evalplus"; `filter`: whose verdicts of an lm-eval log count. `answers`:
    "math", "code", "text" or "letters", which decides what diversity means.

    Raises BadInput, one line naming the place, for files that can't be read, or whose problems don't match the task or each
    other; StageFailed where a grader fails.
    """
    settings, asked = _request(name, steps, greedy or {}, task, data, split, grader, fields or {}, reader, filter, answers)
    if unsafe_code:
        if asked is None:
            raise BadInput("--allow-unsafe-code: there is no grader that runs programs")
        asked = asked.unconfined()
    opened = store if isinstance(store, Store) else Store(store)
    local = LocalFiles(opened.objects)
    files = {("file", step): Path(path) for step, path in steps.items()}
    files |= {("greedy", step): Path(path) for step, path in (greedy or {}).items()}
    wanted = {at: _parameters(path, local, reader, fields or {}, at[1], filter, asked) for at, path in files.items()}
    settings["samples"] = {f"{kind} {step}": {"sha256": one.rows, "fields": one.fields} for (kind, step), one in wanted.items()}
    if asked is not None:
        settings["task"] = asked.settings()
    run_id = f"{name}-{METHOD}-s0-{sha256(canonical_json(settings))[:8]}"
    for (kind, step), path in files.items():
        settings["samples"][f"{kind} {step}"]["file"] = path.name  # to show: a file that moves is the same
    run = opened.runs.get(run_id) or Run(run_id, name, METHOD, 0, 1, settings, f"{now()}-{secrets.token_hex(3)}")
    crew = Crew(run.invocation, embedded=False)
    listener = listener or Quiet()
    runner = Runner(opened, run, crew, listener)
    try:
        with crew.turn, opened.leasing():
            comparison = _Measuring(runner, listener, asked, local, settings["answers"]).run(list(steps), wanted)
            runner.finish("complete", None)
    except OSError as error:  # the disk is full, say
        raise StageFailed(f"{run.id}: {os_reason(error)}") from error
    finally:  # also on Ctrl-C
        crew.close()
    remember(opened, [run.id])
    (found,) = comparison.json("comparison.json")["runs"]
    return MeasuredRun(run.id, tuple(steps), found["iterations"], tuple(runner.computed))


@dataclass(frozen=True)
class _Measuring:
    """The steps of one run from files, named as those of an iterated run are, so that whatever reads one reads the other."""

    runner: Runner
    listener: Listener
    task: GradingTask | None
    local: LocalFiles
    answers: str | None
    """None: as the files' reader has it."""

    def run(self, steps: list[str], wanted: Mapping[tuple[str, str], samples.SamplesParameters]) -> Artifact:
        inputs: dict[str, Artifact] = {}
        if self.task is not None:
            asked = self.task.dataset(self.local)
            inputs = {"problems": self.runner.step(f"task/{self.task.split}", dataset.STAGE, asked, {})}
        found: dict[tuple[str, int], tuple[str, Artifact, dict[str, Any]]] = {}
        for (kind, step), parameters in wanted.items():
            t = steps.index(step) + 1
            artifact = self.runner.step(f"samples/{kind}:{t}", samples.STAGE, parameters, inputs)
            found[kind, t] = (step, artifact, artifact.json("summary.json"))
        first = found["file", 1][1]
        for (kind, _), (step, artifact, summary) in found.items():
            self._check(step, wanted[kind, step].file, artifact, summary, first, steps[0], single=kind == "greedy")
        answers = self.answers or ("code" if all(one["reader"] == "evalplus" for _, _, one in found.values()) else "math")
        compared: dict[str, Artifact] = {}
        for t, step in enumerate(steps, 1):
            compared |= self._step(t, step, answers, found, wanted, inputs, first)
        self.runner.step("source/test", samples.STAGE, wanted["file", steps[0]], inputs)
        settings = compare.CompareParameters(
            runs=[{"method": METHOD, "seed": 0, "iterations": list(range(1, len(steps) + 1))}],
            suites=[],
            answers=answers,
            guess=GUESS if self.task is not None and self.task.name == "csqa" else None,
        )
        return self.runner.step("compare", compare.STAGE, settings, compared)

    def _step(
        self,
        t: int,
        step: str,
        answers: str,
        found: Mapping[tuple[str, int], tuple[str, Artifact, dict[str, Any]]],
        wanted: Mapping[tuple[str, str], samples.SamplesParameters],
        inputs: Mapping[str, Artifact],
        first: Artifact,
    ) -> dict[str, Artifact]:
        """The measures of one step, as inputs of `compare`."""
        summary = found["file", t][2]
        single = summary["most"] == 1 and ("greedy", t) not in found
        self.listener.note(self.runner.run, f"{step}: {_what(summary, single)}")
        parts = {"greedy": wanted["file", step]} if single else {"draws": wanted["file", step]}
        if ("greedy", t) in found:
            parts["greedy"] = wanted["greedy", step]
        measured = {}
        for part, parameters in parts.items():
            sampled = f"sample/test{'/greedy' if part == 'greedy' else ''}:{t}"
            completions = self.runner.step(sampled, samples.STAGE, parameters, inputs)
            graded = {"problems": first, "completions": completions}
            if self.task is None:
                grades = self.runner.step(f"grade/{part}:{t}", samples.STAGE, parameters, inputs)
            else:
                grades = self.runner.step(f"grade/{part}:{t}", grade.STAGE, grade.parameters_for(self.task.grader), graded)
            families = {part: "accuracy"} | ({"diversity": "diversity"} if part == "draws" and answers != "letters" else {})
            for what, family in families.items():
                wants = measures.parameters_for(family, answers)
                given = {**graded, "grades": grades}
                measured[f"{METHOD}/0/{t}/{what}"] = self.runner.step(f"measure/{what}:{t}", measures.STAGE, wants, given)
        return measured

    def _check(
        self,
        step: str,
        file: str,
        artifact: Artifact,
        summary: Mapping[str, Any],
        first: Artifact,
        first_step: str,
        *,
        single: bool,
    ) -> None:
        """The problems of a file must be those of M_1's; a greedy answer is one."""
        if single and summary["most"] > 1:
            rows = artifact.rows("completions")
            name = next(row["problem_id"] for row in rows if row["draw"] == 1)
            raise BadInput(
                f"--greedy {step}={file}: a greedy answer is one a problem, and the problem {name!r} has "
                f"{sum(row['problem_id'] == name for row in rows)} (up to {summary['most']})"
            )
        if summary["ids"] == first.json("summary.json")["ids"]:
            return
        mine, theirs = ({row["id"]: row for row in one.rows("problems")} for one in (artifact, first))
        odd = [
            f"{len(more)} {where} alone, such as {_named(more[0])}"
            for where, more in (
                (f"in {step}", [row for id_, row in mine.items() if id_ not in theirs]),
                (f"in {first_step}", [row for id_, row in theirs.items() if id_ not in mine]),
            )
            if more
        ]
        raise BadInput(
            f"{file}: {step} has other problems than {first_step} ({len(mine)} and {len(theirs)}): {'; '.join(odd)}; "
            "only answers to the same problems can be compared"
        )


def _named(problem: Mapping[str, str]) -> str:
    prompt = " ".join(problem["prompt"].split())
    return repr(problem["id"]) + (f" ({prompt[:60]!r})" if prompt else "")


def _what(summary: Mapping[str, Any], single: bool) -> str:
    """What was taken for what, so that a wrong id field shows at once."""
    problems = f"{summary['problems']:,} problems"
    if single:
        return f"{problems}, one completion each, taken as the greedy answer"
    few, most = summary["fewest"], summary["most"]
    return f"{problems}, {most if few == most else f'{few} to {most}'} draws each"


def _parameters(
    path: Path,
    local: LocalFiles,
    reader: str,
    fields: Mapping[str, str],
    step: str,
    chosen: str | None,
    task: GradingTask | None,
) -> samples.SamplesParameters:
    digest = local.digest(path)
    if digest is None:
        raise BadInput(f"{step}: there is no file {path}")
    return samples.SamplesParameters(
        rows=digest,
        form=form_of(path),
        reader=reader,
        fields=field_paths(fields, step),
        filter=chosen,
        task=task.name if task else None,
        template=task.template if task else "",
        file=str(path),
    )


def _request(
    name: str,
    steps: Mapping[str, str | Path],
    greedy: Mapping[str, str | Path],
    task: str | None,
    data: str | Path | None,
    split: str,
    grader: str | None,
    fields: Mapping[str, str],
    reader: str,
    chosen: str | None,
    answers: str | None,
) -> tuple[dict[str, Any], GradingTask | None]:
    """The checked request: the run's settings as far as the files don't matter, and the task that grades, if one does."""
    if not _NAME.fullmatch(name):
        raise BadInput(
            f"the name {name!r} becomes part of files' names: letters, digits, '_', '.' and '-', a letter or digit first"
        )
    if len(steps) < 2:
        raise BadInput("name two steps at least, M_1 first: there is nothing to compare otherwise")
    for step in (*steps, *greedy):
        if not step.strip() or not step.isprintable():
            raise BadInput(f"step {step!r}: a name that can be printed is wanted")
        if step not in steps:
            raise BadInput(f"--greedy {step}: no such step{suggest(step, list(steps))}")
    if reader not in READERS:
        raise BadInput(f"--reader: unknown reader {reader!r}{suggest(reader, list(READERS))}")
    if answers is not None and answers not in ANSWERS:
        raise BadInput(f"--answers: unknown kind {answers!r}{suggest(answers, list(ANSWERS))}")
    if task is None and (data or grader):
        raise BadInput(f"{'--data' if data else '--grader'} goes with --task, which says what the problems are")
    if task is not None and "correct" in fields:
        raise BadInput("--correct and --task: verdicts are either those of the file or made here")
    field_paths(fields, "")
    asked = grading_task(task, data, grader, split) if task is not None else None
    settings = {
        "name": name,
        "task": {"name": "files"},
        "training": {"parameters": "none"},
        "evaluation": {"split": "test", "ood": {}},
        "env": "any",
        "T": len(steps),
        "steps": list(steps),
        "answers": answers or (asked.answers if asked else None),
        "reader": reader,
        "filter": chosen,
    }
    return settings, asked
