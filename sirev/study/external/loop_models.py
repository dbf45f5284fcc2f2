"""Models made by loops in the store, recognised by content when a user names a folder with a copy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sirev.errors import SirevError
from sirev.stages import STAGES
from sirev.stages.model import folder_digest
from sirev.store.local_files import LocalFiles
from sirev.store.runs import Pin, Run
from sirev.store.store import Store
from sirev.study.external.given_models import GivenModel, contents
from sirev.study.step_names import BASE_MODEL, PRETRAINED_MODEL, parse_step
from sirev.study.steps import ModelWeights


@dataclass(frozen=True)
class LoopModel:
    """M_t of a run with this seed, its base if it is an adapter, and whether the run sent prompts as a user's turn."""

    run: str
    seed: int
    t: int
    weights: Pin
    base: Pin | None
    chat: bool

    def model(self, store: Store) -> ModelWeights | None:
        """The model in the store; None where its files are gone."""
        weights = store.lookup(self.weights.key, self.weights.artifact)
        base = store.lookup(self.base.key, self.base.artifact) if self.base else None
        return None if weights is None or (self.base and base is None) else ModelWeights(weights, base)


def loops_of(given: Sequence[GivenModel], store: Store, local: LocalFiles) -> dict[int, LoopModel]:
    """The given models that are copies of a loop's model in the store, by their t."""
    digests = {t: contents(one, local)[0].digest for t, one in enumerate(given, 1)}
    if not any(digests.values()):
        return {}
    loops = _loop_models(store)
    return {t: loops[digest] for t, digest in digests.items() if digest in loops}


def _loop_models(store: Store) -> dict[str, LoopModel]:
    """Digest of a folder with a model's files, as `LocalFiles` makes it, -> the model, for each that a run in the store made."""
    found: dict[str, LoopModel] = {}
    seen: set[str] = set()
    for run in store.runs.all():
        for name, pin in run.pins.items():
            step = parse_step(name)
            if step.t is None or step.stage not in STAGES or not STAGES[step.stage].makes_model or pin.artifact in seen:
                continue
            seen.add(pin.artifact)
            if (digest := _digest(store, pin)) is not None:
                chat = bool((run.settings.get("model") or {}).get("chat_template"))
                found[digest] = LoopModel(run.id, run.seed, step.t, pin, _base(run, step.t), chat)
    return found


def _base(run: Run, t: int) -> Pin | None:
    if t == 0 or run.settings["training"]["parameters"] != "lora":
        return None
    return run.pins.get(BASE_MODEL) or run.pins.get(PRETRAINED_MODEL)


def _digest(store: Store, pin: Pin) -> str | None:
    try:
        artifact = store.lookup(pin.key, pin.artifact)
    except SirevError:  # damaged, so its copies count as models from elsewhere
        return None
    return folder_digest(artifact) if artifact else None
