"""Numbers of problems, answers, examples and tokens of planned steps.

Counts come from the recipe. Lengths and sizes of training sets come from earlier runs, else from the task's usual values,
else from assumptions. `assume` is called with each source used.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean

from sirev.errors import BadInput
from sirev.execution.footprint import PROMPT_TOKENS
from sirev.execution.history import History
from sirev.execution.planner import PlannedStep
from sirev.execution.task_lengths import TaskLengths, lengths_of
from sirev.parameters import keyed_parameters
from sirev.stages.sample import SampleParameters
from sirev.stages.score import ScoreParameters
from sirev.stages.select import GOLD_ANSWERS, SelectParameters
from sirev.stages.source import SourceParameters
from sirev.store.artifacts import Artifact
from sirev.store.digests import canonical_json
from sirev.study.step_names import parse_step, training_step
from sirev.study.steps import LookedUp
from sirev.tasks.load import DatasetParameters, ProblemsRequest, load_problems
from sirev.tasks.registry import TASKS
from sirev.training_kinds import KINDS

_ANSWER_SHARE = 0.4  # of max_new_tokens, for a task with unknown lengths
_RUN_ON = 0.03  # share of answers that run on to max_new_tokens
_RIGHT = 0.5  # share of correct draws, for an unknown task
_ASSUMED = 1000  # problems of a split of unknown size
_SEEN = "lengths of answers and sizes of training sets as in earlier runs here"


@dataclass
class WorkCounts:
    """Amounts of work of planned steps; `work` has them by `PlannedStep.work`."""

    work: Mapping[str, PlannedStep]
    history: History
    assume: Callable[[str], None]
    """Called with the source of a number."""
    _local: dict[str, int | None] = field(default_factory=dict)

    def tokens(self, step: PlannedStep) -> float:
        """Expected tokens of all answers of a sampling, or of all examples of a training over its epochs."""
        if isinstance(step.parameters, SampleParameters):
            return self.asked(step) * step.parameters.n * self.answer_tokens(step)
        optimizer_steps, epochs = step.parameters.max_steps, step.parameters.epochs
        seen = self.examples(step) * epochs if optimizer_steps is None else optimizer_steps * step.parameters.batch_size
        return float(seen * self.example_tokens(step))

    def asked(self, step: PlannedStep) -> int:
        """Number of problems of a sampling."""
        count = self._problems(step.inputs["problems"])
        assert isinstance(step.parameters, SampleParameters)
        return min(count, step.parameters.problems or count)

    def answers(self, step: PlannedStep) -> int:
        """Number of answers that a step grades, scores or embeds."""
        completions = step.inputs["completions"]
        draws = step.parameters.draws if isinstance(step.parameters, ScoreParameters) else None
        if isinstance(completions, Artifact):
            rows = int(completions.manifest["tables"]["completions"]["rows"])
            return rows if draws is None else min(rows, draws * self._problems(step.inputs["problems"]))
        sampling = self.work[completions.work]
        n = int(sampling.parameters.n)
        return self.asked(sampling) * (n if draws is None else min(n, draws))

    def answer_tokens(self, step: PlannedStep) -> float:
        """Expected tokens per answer of a sampling."""
        if (tokens := self.history.answer_tokens(parse_step(step.name).without_t)) is not None:
            self.assume(_SEEN)
            return tokens
        longest = float(step.parameters.max_new_tokens)
        gold = self.lengths(step.inputs["problems"]).answer
        if gold is None:
            self.assume(f"an answer takes {_ANSWER_SHARE:.0%} of max_new_tokens")
            return _ANSWER_SHARE * longest
        self.assume(f"answers as long as gold ones, {_RUN_ON:.0%} run on to the limit")
        return min(gold, longest) + _RUN_ON * max(longest - gold, 0.0)

    def context(self, step: PlannedStep) -> float:
        """Mean tokens of prompt and answer while an answer is sampled: the prompt and half of the answer."""
        return self.prompt_tokens(step.inputs["problems"]) + self.answer_tokens(step) / 2

    def scored_tokens(self, step: PlannedStep) -> float:
        """Expected tokens of prompts and answers of a scoring."""
        completions = step.inputs["completions"]
        sampling = None if isinstance(completions, Artifact) else self.work[completions.work]
        gold = self.lengths(step.inputs["problems"]).answer
        each = self.answer_tokens(sampling) if sampling else gold or PROMPT_TOKENS
        return self.answers(step) * (each + self.prompt_tokens(step.inputs["problems"]))

    def examples(self, step: PlannedStep) -> int:
        """Expected number of examples (DPO: pairs) of a training."""
        data = step.inputs["data"]
        if isinstance(data, Artifact):
            return int(data.manifest["tables"]["examples"]["rows"])
        past = self.history.trainings(step.parameters.kind, step.name == training_step(1))
        if examples := [float(p["examples"]) for p in past if p["same_size"]]:
            return round(mean(examples))
        chosen = self.work[data.work]
        problems = self._problems(chosen.inputs["problems"])
        parameters = chosen.parameters
        assert isinstance(parameters, SelectParameters)
        if parameters.kind == GOLD_ANSWERS:
            return problems
        sampled = chosen.inputs["completions"]
        if isinstance(sampled, Artifact):
            n = float(sampled.manifest["tables"]["completions"]["rows"]) / problems
        else:
            sampling = self.work[sampled.work]
            n, problems = sampling.parameters.n, self.asked(sampling)
        right = self.lengths(chosen.inputs["problems"]).right or _RIGHT
        self.assume(f"{right:.0%} of draws on training problems correct")
        each = KINDS[parameters.kind].expected(n * right, n * (1 - right))
        return round(problems * min(each, parameters.max_per_problem or each))

    def example_tokens(self, step: PlannedStep) -> float:
        """Expected tokens per example, with its prompt; for a DPO pair, of both answers, each with the prompt."""
        if past := self.history.trainings(step.parameters.kind, step.name == training_step(1)):
            self.assume(_SEEN)
            kept = [(p, max(p["examples"] - (p.get("dropped") or 0), 1)) for p in past]
            return float(mean(p["tokens"] / p["epochs"] / examples for p, examples in kept))
        usual = self.trained_lengths(step)
        limit = step.parameters.max_completion_tokens or 2 * PROMPT_TOKENS
        answer = _ANSWER_SHARE * limit if usual.answer is None else min(usual.answer, limit)
        return float((self._prompt(usual) + answer) * KINDS[step.parameters.kind].sequences)

    def prompt_tokens(self, problems: LookedUp) -> float:
        """Expected tokens per prompt."""
        return self._prompt(self.lengths(problems))

    def trained_lengths(self, step: PlannedStep) -> TaskLengths:
        """Usual lengths in the task of a training's examples."""
        chosen = self._maker(step.inputs["data"])
        return self.lengths(chosen.inputs["problems"]) if chosen else TaskLengths()

    def lengths(self, problems: LookedUp) -> TaskLengths:
        """Usual lengths in the task of some problems."""
        made = self._maker(problems)
        of = made.parameters if made else None
        if isinstance(of, SourceParameters):
            return lengths_of(of.task, {})
        return lengths_of(of.task, of.options) if isinstance(of, DatasetParameters) else TaskLengths()

    def _prompt(self, usual: TaskLengths) -> float:
        if usual.prompt is None:
            self.assume(f"a prompt takes {PROMPT_TOKENS} tokens")
        return usual.prompt or PROMPT_TOKENS

    def _maker(self, result: LookedUp) -> PlannedStep | None:
        """The planned step that makes or made a result; None if it is of no planned step."""
        if not isinstance(result, Artifact):
            return self.work[result.work]
        return next((one for one in self.work.values() if one.artifact and one.artifact.digest == result.digest), None)

    def _problems(self, problems: LookedUp) -> int:
        if isinstance(problems, Artifact):
            return int(problems.manifest["tables"]["problems"]["rows"])
        parameters = self.work[problems.work].parameters
        if isinstance(parameters, SourceParameters):
            return parameters.n
        assert isinstance(parameters, DatasetParameters)
        split = parameters.split.partition("/")[0]
        if "rows" in parameters.files:
            return self._local_problems(parameters) or _ASSUMED
        if parameters.limit is not None:
            return parameters.limit
        if split == "dev" and parameters.dev is not None:
            return parameters.dev
        count = TASKS[parameters.task].size(split, parameters.options)
        if count is None:
            self.assume(f"{_ASSUMED:,} problems in {parameters.split}, which has not been read yet")
            return _ASSUMED
        return count - (parameters.dev or 0 if split == "train" else 0)

    def _local_problems(self, parameters: DatasetParameters) -> int | None:
        """Number of problems of a split in local files, read as by the stage `dataset`; None if they can't be read."""
        name = canonical_json(keyed_parameters(parameters)).decode()
        if name not in self._local:
            try:
                with tempfile.NamedTemporaryFile(prefix="sirev-plan-") as out:
                    self._local[name] = load_problems(ProblemsRequest(parameters, Path(out.name)), lambda event: None)
            except BadInput as error:
                self.assume(f"{_ASSUMED:,} problems in {parameters.split}, which can't be read: {error}")
                self._local[name] = None
        return self._local[name]
