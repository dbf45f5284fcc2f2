"""DPO by TRL, on prompts with a better and a worse answer."""

from __future__ import annotations

from typing import Any

from peft import PeftModel
from trl import DPOConfig, DPOTrainer

from sirev.trainers.dispatch import TrainRequest
from sirev.trainers.examples import Ids
from sirev.trainers.models import ModelFolders, load_merged


def row(prompt: Ids, chosen: Ids, rejected: Ids) -> dict[str, Ids]:
    """A pair in the columns that TRL takes."""
    return {"prompt_ids": prompt, "chosen_ids": chosen, "rejected_ids": rejected}


def trainer(request: TrainRequest, policy: Any, common: dict[str, Any], given: dict[str, Any]) -> DPOTrainer:
    """TRL's trainer, with the request's reference; `nll_weight` adds the loss of the better answers (arXiv 2404.19733)."""
    settings = request.parameters
    nll = {"loss_type": ["sigmoid", "sft"], "loss_weights": [1.0, settings.nll_weight]} if settings.nll_weight else {}
    config = DPOConfig(**common, beta=settings.beta, precompute_ref_log_probs=settings.precompute_reference, **nll)
    made = _PairTrainer(policy, ref_model=reference(request, policy), args=config, **given)
    if settings.precompute_reference:
        made.ref_model = None  # it has done its work, and TRL would hold it to the end
    return made


def reference(request: TrainRequest, policy: Any) -> Any:
    """The frozen reference model; None where TRL has it: as its own copy of the policy's adapter, or, if it computes the
    reference's log-probabilities before the first step, as the policy.

    Otherwise never left to TRL for full weights: it would reload them from the path that the configuration happens to name.
    """
    at_hand = isinstance(policy, PeftModel) or request.parameters.precompute_reference
    if at_hand and request.reference_is_init:
        return None
    assert request.reference is not None
    return load_merged(ModelFolders.of(request.reference), dtype=request.parameters.dtype).eval()


class _PairTrainer(DPOTrainer):
    """TRL's DPOTrainer on pairs that are tokens already, which its SFTTrainer takes but it does not.

    A batch that goes through the model in parts has the loss of the whole. TRL takes the mean of the parts' means, which
    is another number where one part has fewer pairs (an epoch's last batch) or, for the negative log-likelihood, tokens.
    """

    def _prepare_dataset(self, dataset: Any, *args: Any, **kwargs: Any) -> Any:
        return dataset

    def get_batch_samples(self, *args: Any, **kwargs: Any) -> Any:
        parts, items = super().get_batch_samples(*args, **kwargs)
        self._parts = [_pairs_and_tokens(part) for part in parts]
        return parts, items

    def compute_loss(self, model: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        of_part = _pairs_and_tokens(inputs)
        of_whole = [sum(sizes) for sizes in zip(*self._parts, strict=True)]
        wanted = self.args.loss_weights or [1.0]  # of "sigmoid", a mean over pairs, and of "sft", one over tokens
        self.loss_weights = [
            weight * len(self._parts) * part / whole for weight, part, whole in zip(wanted, of_part, of_whole, strict=False)
        ]
        return super().compute_loss(model, inputs, *args, **kwargs)


def _pairs_and_tokens(batch: dict[str, Any]) -> tuple[int, int]:
    """How many pairs a batch has, and how many tokens the better answers: TRL puts those into its first half."""
    pairs = len(batch["completion_mask"]) // 2
    return pairs, int(batch["completion_mask"][:pairs].sum())
