"""overlap: problems of the evaluation that are also in the training set, or in the corpus of an M_0 made here.

Only the words of prompts are compared, without those of the template; no model is used.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sirev.metrics.families.measures import sorted_levels
from sirev.metrics.overlap import CORPUS, TRAINING, Found, LevelOverlap, Overlap, SplitOverlap, Wording, Words, overlaps, summed
from sirev.parameters import semantic
from sirev.stages.stage import Context, Stage
from sirev.store.artifacts import Artifact, Output
from sirev.store.digests import canonical_json

PROBLEMS = "problems/"
"""Prefix of inputs, before the name of a split."""


@dataclass(frozen=True)
class OverlapParameters:
    """The task and the n of n-grams; `corpus` holds the parameters of the embedded task's pretraining corpus."""

    task: str = semantic()
    n: int | None = semantic()
    corpus: dict[str, Any] | None = semantic(default=None, absent_means=None)


def run(parameters: OverlapParameters, inputs: Mapping[str, Artifact], context: Context) -> Output:
    """`overlap.json`, an `Overlap`. Inputs: the problems "problems/SPLIT" of each evaluated split, and of the `training` set."""
    from sirev.tasks.registry import TASKS  # not needed to list the stages

    normal_form = TASKS[parameters.task].normal_form
    rows = {name.removeprefix(PROBLEMS): inputs[name].rows("problems") for name in inputs if name.startswith(PROBLEMS)}
    prompts = {split: [normal_form(row["prompt"]) for row in some] for split, some in rows.items()}
    trained = [normal_form(row["prompt"]) for row in inputs[TRAINING].rows("problems")]
    wordings = {split: Wording.of([*asked, *trained]) for split, asked in prompts.items()}
    places: dict[str, Iterable[Words]] = {TRAINING: trained}
    if parameters.corpus is not None:
        places[CORPUS] = _corpus(parameters)
    known = {place: _found(prompts, wordings, list(texts), parameters.n) for place, texts in places.items()}
    told: Overlap = {
        "n": parameters.n,
        "splits": {split: _split(some, {place: found[split] for place, found in known.items()}) for split, some in rows.items()},
    }
    return Output(files={"overlap.json": canonical_json(told)})


def _corpus(parameters: OverlapParameters) -> Iterator[Words]:
    from sirev.tasks.core import arithmetic

    assert parameters.corpus is not None
    return (arithmetic.TASK.normal_form(prompt) for prompt, _ in arithmetic.corpus(**parameters.corpus) if prompt)


def _found(
    prompts: Mapping[str, Sequence[Words]], wordings: Mapping[str, Wording], known: Sequence[Words], n: int | None
) -> dict[str, list[Found]]:
    """The matches of each split's prompts with `known`; splits with the same template are compared together."""
    found: dict[str, list[Found]] = {}
    for wording in dict.fromkeys(wordings.values()):
        alike = {split: list(map(wording.without, asked)) for split, asked in prompts.items() if wordings[split] == wording}
        found |= overlaps(alike, map(wording.without, known), n)
    return found


def _split(rows: Sequence[Mapping[str, Any]], known: Mapping[str, Sequence[Found]]) -> SplitOverlap:
    def of(chosen: Sequence[int]) -> LevelOverlap:
        return {"problems": len(chosen), "known": {place: summed([found[at] for at in chosen]) for place, found in known.items()}}

    at: dict[str, list[int]] = {}
    for i, row in enumerate(rows):
        at.setdefault(row["level"], []).append(i)
    return {"all": of(range(len(rows))), "levels": {level: of(at[level]) for level in sorted_levels(list(at)) if level}}


STAGE = Stage("overlap", 1, OverlapParameters, run, place=35, deterministic=True)
