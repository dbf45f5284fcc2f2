"""`sirev evaluate`: progress, then the models and the screen of `sirev report`; or the plan."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sirev.api.evaluate import EvaluationRequest, evaluated, planned
from sirev.cli.lines import print_lines, print_styled
from sirev.cli.named_steps import named_step
from sirev.cli.plan import given_rates, target_of
from sirev.cli.plan_lines import plan_lines
from sirev.cli.positional import report_words
from sirev.cli.progress import Progress
from sirev.errors import BadInput
from sirev.execution.model_sizes import shape_of
from sirev.printing import say
from sirev.quoting import as_typed
from sirev.reporting.identities import identities, identity_in_words
from sirev.reporting.summary import report


def run(name: str, steps: Sequence[str], revisions: Sequence[str], remote: str | None, **options: Any) -> None:
    """Evaluate, then print the identity of each model, and the screen of `sirev report`."""
    request = EvaluationRequest.named(name, _models(steps), revisions, **options)
    with Progress() as progress:
        found = evaluated(request, remote, progress)
    progress.summary()
    done = request.store.runs.get(found.id)
    assert done is not None
    told = identities(request.store, done) or []
    print_lines(["Models:", *(f"  {one['step']}: {identity_in_words(one)}" for one in told), ""])
    report(runs=[found.id], store=request.store).print(asked=as_typed(*report_words([name])))


def print_plan(
    name: str, steps: Sequence[str], revisions: Sequence[str], gpu: str | None, rates: Sequence[str], **options: Any
) -> None:
    """Print what is left to compute, its time, and whether it fits; nothing is run."""
    throughput = given_rates(rates)
    if "train" in throughput:
        raise BadInput("--rate train: an evaluation trains nothing; give sample=TOKENS/S alone")
    request = EvaluationRequest.named(name, _models(steps), revisions, **options)
    say(*request.notes)
    found = planned(request)
    target = target_of(found.recipe, gpu, None, options["overlays"])
    estimate = found.estimate(throughput, target)
    shapes = {shape_of(given.sized_by) for given in request.given}
    if len(request.given) > 1 and (len(shapes) > 1 or None in shapes):
        estimate.assume(f"all models have the size of {request.given[0].step}")
    print_styled(lambda width: plan_lines(found, estimate, target, width))


def _models(given: Sequence[str]) -> dict[str, str]:
    """Step -> model, in the given order; BadInput for a repeated step."""
    models: dict[str, str] = {}
    for one in given:
        step, model = named_step("--step", one, "MODEL")
        if step in models:
            raise BadInput(f"--step {one}: the step {step!r} is named twice; give each model its own name")
        models[step] = model
    return models
