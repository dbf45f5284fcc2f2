"""A store with a run whose M_1 is an adapter."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sirev.explain.history import keys_of
from sirev.stages.model import REFERENCE, model_files
from sirev.store.artifacts import Output
from sirev.store.digests import canonical_json
from sirev.store.local_files import LocalFiles
from sirev.store.runs import Pin, Run
from sirev.store.store import Store


@dataclass(frozen=True)
class Trained:
    """A run whose M_1 is an adapter on a local base model, with the folders of the base and of the saved adapter."""

    store: Path
    run: Run
    base: Path
    saved: Path


def adapter_run(folder: Path, base: Path, model: Any, tokenizer: Any) -> Trained:
    """Make a run with an adapter, saved as by a training; its weights are random, so that it changes answers."""
    from peft import LoraConfig, get_peft_model
    from torch import manual_seed

    from sirev.trainers.models import save_model

    manual_seed(0)
    lora = LoraConfig(r=4, lora_alpha=32, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM", init_lora_weights=False)
    (folder / "saved").mkdir()
    save_model(get_peft_model(model, lora), tokenizer, folder / "saved")
    store = Store(folder / "store")
    names = [path.name for path in base.iterdir()]
    digest = LocalFiles(store.objects).digest(base, names)
    m0 = store.publish({"stage": "model"}, Output(files={REFERENCE: canonical_json({"digest": digest})}))
    action = {"stage": "train", "inputs": {"init": m0.semantic}}
    m1 = store.publish(action, Output(files=model_files(folder / "saved")))
    run = Run("mine-sft-s0-0000", "mine", "sft", 0, 1, {}, invocation="2026-01-01")
    for step, artifact in (("model:0", m0), ("train:1", m1)):
        run.pins[step] = Pin(keys_of(store, artifact.digest)[0], artifact.digest)
    store.runs.save(run)
    return Trained(store.path, run, base, folder / "saved")
