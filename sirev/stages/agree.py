"""agree: how many answers differ between two samplings of the same problems from the same model.

Greedy answers are equal where the computation of an answer does not depend on the rest of its batch: on a CPU here, and
on a GPU with `engine.batch_invariant`. Elsewhere this counts the effects of rounding.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sirev.stages.stage import Context, Stage
from sirev.store.artifacts import Artifact, Output
from sirev.store.digests import canonical_json


@dataclass(frozen=True)
class AgreeParameters:
    """No parameters."""


def run(parameters: AgreeParameters, inputs: Mapping[str, Artifact], context: Context) -> Output:
    """`agreement.json`: {"answers": number compared, "differ": number with another text, token count or finish}.

    Inputs: completions `first/WHAT` and `again/WHAT`, for one or more WHAT.
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
