"""DPO by TRL, on prompts with a chosen and a rejected answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from peft import PeftModel
from trl import DPOConfig, DPOTrainer

from sirev.trainers.dispatch import TrainParameters, TrainRequest
from sirev.trainers.examples import Ids
from sirev.trainers.models import ModelFolders, load_merged
from sirev.trainers.parts import PartsTrainer, TokenRow

REFERENCE_ADAPTER = "ref"
"""The name of the policy's adapter that TRL uses as the reference, if there is one."""
PRECOMPUTED = 8
"""The fewest pairs per batch of precomputed reference log-probabilities: without gradients they take little memory."""


def row(prompt: Ids, chosen: Ids, rejected: Ids) -> dict[str, Ids]:
    """A pair in TRL's columns."""
    return {"prompt_ids": prompt, "chosen_ids": chosen, "rejected_ids": rejected}


def lengths(example: TokenRow) -> Sequence[int]:
    """The lengths of a pair's two sequences, in tokens."""
    prompt = len(example["prompt_ids"])
    return prompt + len(example["chosen_ids"]), prompt + len(example["rejected_ids"])


def trainer(request: TrainRequest, policy: Any, common: dict[str, Any], given: dict[str, Any]) -> DPOTrainer:
    """TRL's trainer with the request's reference; `nll_weight` adds the chosen answers' NLL to the loss (arXiv 2404.19733)."""
    settings = request.parameters
    nll = {"loss_type": ["sigmoid", "sft"], "loss_weights": [1.0, settings.nll_weight]} if settings.nll_weight else {}
    config = DPOConfig(
        **common,
        beta=settings.beta,
        precompute_ref_log_probs=settings.precompute_reference,
        precompute_ref_batch_size=_precomputed_at_once(settings),
        **nll,
    )
    adapter = reference_adapter(request, policy)
    whole = None if adapter else reference(request, policy)
    made = _PairTrainer(policy, ref_model=whole, args=config, lengths=lengths, adapter=adapter, **given)
    if settings.precompute_reference:  # no longer needed, but TRL would hold it to the end
        made.ref_model = None
        if isinstance(policy, PeftModel) and REFERENCE_ADAPTER in policy.peft_config:
            policy.delete_adapter(REFERENCE_ADAPTER)
    return made


def reference_adapter(request: TrainRequest, policy: Any) -> ModelFolders | None:
    """The reference, if it is another adapter on the policy's base; else None.

    It is then loaded as a second adapter: merged into a base in bfloat16, a good part of it would be lost to rounding.
    """
    source = request.reference
    if request.reference_is_init or source is None or source.base is None or not isinstance(policy, PeftModel):
        return None
    return ModelFolders.of(source) if source.base == (request.init.base or request.init.path) else None


def reference(request: TrainRequest, policy: Any) -> Any:
    """The frozen reference model; None if TRL provides it: as its copy of the policy's adapter, or, if it precomputes the
    reference's log-probabilities, as the policy before the first step.

    Otherwise full weights are never left to TRL, which would reload them from the path in the model's configuration.
    """
    settings = request.parameters
    at_hand = isinstance(policy, PeftModel) or settings.precompute_reference
    if at_hand and request.reference_is_init:
        return None
    assert request.reference is not None
    return load_merged(ModelFolders.of(request.reference), dtype=settings.dtype, attention=settings.attention).eval()


def _precomputed_at_once(settings: TrainParameters) -> int:
    limited = settings.micro_batch_size is not None or settings.micro_batch_tokens is not None
    return max(PRECOMPUTED, settings.micro_batch_size or 0) if limited else settings.batch_size


class _PairTrainer(PartsTrainer, DPOTrainer):
    """TRL's DPOTrainer on tokenised pairs, which of TRL's trainers only SFTTrainer accepts on its own.

    The losses of a batch's parts add up to the loss of the whole batch. TRL takes the mean within each part, which differs
    if one part has fewer pairs or, for the negative log-likelihood, tokens. The reference may be an `adapter`; TRL only
    supports a copy of the policy's.
    """

    def __init__(self, policy: Any, *, adapter: ModelFolders | None, **options: Any) -> None:
        self._adapter = adapter
        if options["args"].gradient_checkpointing:
            _hook_once(policy.get_base_model() if isinstance(policy, PeftModel) else policy)
        super().__init__(policy, **options)
        self._attach_reference()

    def _attach_reference(self) -> None:
        """Replace the copy that TRL has made by the reference adapter."""
        if self._adapter is not None:
            self.model.delete_adapter(REFERENCE_ADAPTER)
            self.model.load_adapter(str(self._adapter.path), REFERENCE_ADAPTER, is_trainable=False)
            self._adapter = None

    def _prepare_dataset(self, dataset: Any, *args: Any, **kwargs: Any) -> Any:
        return dataset

    def _precompute_ref_logps(self, dataset: Any, *args: Any, **kwargs: Any) -> Any:
        """Compute in the order of lengths, for less padding; the rows come back in their own order."""
        self._attach_reference()  # TRL computes before its constructor ends
        sizes = [max(lengths(example)) for example in dataset]
        order = sorted(range(len(sizes)), key=lambda place: -sizes[place])
        found = super()._precompute_ref_logps(dataset.select(order), *args, **kwargs)
        return found.select(sorted(range(len(order)), key=lambda place: order[place]))

    def compute_loss(self, model: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        of_part = _pairs_and_tokens(inputs)
        of_whole = [sum(sizes) for sizes in zip(*map(_pairs_and_tokens, self.parts), strict=True)]
        wanted = self.args.loss_weights or [1.0]  # of "sigmoid", a mean over pairs, and of "sft", a mean over tokens
        self.loss_weights = [weight * part / whole for weight, part, whole in zip(wanted, of_part, of_whole, strict=False)]
        return super().compute_loss(model, inputs, *args, **kwargs)

    def size(self, part: dict[str, Any], metric: str) -> int:
        pairs, better = _pairs_and_tokens(part)
        if metric.startswith(("rewards/", "logps/")):
            return pairs
        answers = int(part["completion_mask"].sum())
        return {"entropy": answers, "logits/rejected": answers - better}.get(metric, better)


def _pairs_and_tokens(batch: dict[str, Any]) -> tuple[int, int]:
    """A batch's numbers of pairs and of tokens in chosen answers, which TRL puts into the batch's first half."""
    pairs = len(batch["completion_mask"]) // 2
    return pairs, int(batch["completion_mask"][:pairs].sum())


def _hook_once(model: Any) -> None:
    """Keep a model from adding its embeddings' gradient hook more than once.

    TRL requests the hook after every pass of the reference, and transformers adds another one each time.
    """
    enable = model.enable_input_require_grads

    def enable_anew() -> None:
        model.disable_input_require_grads()
        enable()

    model.enable_input_require_grads = enable_anew
