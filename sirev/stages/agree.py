"""agree: whether a model that was asked the same twice answered the same.

Greedy answers do where an answer is computed in the same way whatever else is in the batch: on a CPU here, and on a GPU with
`engine.batch_invariant`. Elsewhere this counts what rounding changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sirev.stages.stage import Context, Stage
from sirev.store.artifacts import Artifact, Output
from sirev.store.digests import canonical_json


@dataclass(frozen=True)
class AgreeParameters:
    """There is nothing to choose."""


def run(parameters: AgreeParameters, inputs: Mapping[str, Artifact], context: Context) -> Output:
    """`agreement.json`: {"answers", "differ": those whose text or end is another}.

    Inputs: completions `first/WHAT` and `again/WHAT`, for one thing asked or several.
    """
    answers = differ = 0
    for name in sorted(inputs):
        kind, _, what = name.partition("/")
        if kind != "first":
            continue
        first, again = inputs[name], inputs[f"again/{what}"]
        rows = first.rows("completions")
        others = rows if again.semantic == first.semantic else again.rows("completions")
        answers += len(rows)
        differ += sum(one != other for one, other in zip(rows, others, strict=True))
    return Output(files={"agreement.json": canonical_json({"answers": answers, "differ": differ})})


STAGE = Stage("agree", 1, AgreeParameters, run, place=120, deterministic=True)
