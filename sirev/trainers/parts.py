"""Parts of an optimizer step's batch, which go through the model one after the other and train like the whole.

transformers gets whole batches, so that neither a batch's examples nor the point of resumption depends on how batches are
cut. Within a batch, parts are cut by length, which avoids much of the padding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

TokenRow = Mapping[str, Any]

PART = 512
"""A part's fixed cost, in tokens: starting the kernels of a 7B model's two passes takes a GPU some 50 ms."""


@dataclass(frozen=True)
class PartLimits:
    """Limits of a part: examples, and tokens with their padding; None means no limit."""

    examples: int | None = None
    tokens: int | None = None

    def allow(self, examples: int, tokens: int) -> bool:
        """Whether a part of this size is within the limits."""
        return (self.examples is None or examples <= self.examples) and (self.tokens is None or tokens <= self.tokens)


def in_parts(lengths: Sequence[Sequence[int]], limits: PartLimits) -> list[list[int]]:
    """The parts of a batch, as lists of indices into it.

    `lengths` are the token counts of each example's sequences; a part is padded to its longest sequence. Of all ways to cut
    the batch by length within the limits, this is the one with the fewest tokens, padding included, plus `PART` tokens per
    part. The longest part comes first, so that a lack of memory shows at once; an example above the limits goes alone.
    A batch that is not cut keeps its order, and so its sums, to the last bit.
    """
    whole = list(range(len(lengths)))
    if limits == PartLimits():
        return [whole]
    order = sorted(whole, key=lambda place: -max(lengths[place]))
    best: list[tuple[int, int]] = [(0, 0)]  # for the `end` longest: the least cost, and the start of the last part
    for end in range(1, len(order) + 1):
        found = []
        sequences = 0
        for start in range(end - 1, -1, -1):
            sequences += len(lengths[order[start]])
            tokens = sequences * max(lengths[order[start]])
            if start < end - 1 and not limits.allow(end - start, tokens):
                break
            found.append((best[start][0] + tokens + PART, start))
        best.append(min(found))
    parts: list[list[int]] = []
    end = len(order)
    while end:
        start = best[end][1]
        parts.insert(0, order[start:end])
        end = start
    return parts if len(parts) > 1 else [whole]


class PartsTrainer:
    """First base class of a transformers trainer, which makes batches go through the model in parts.

    The loss of a part must be its share of the whole batch's loss: `num_items_in_batch` counts the whole batch, and `parts`
    is set during a step.
    """

    data_collator: Any

    def __init__(self, *args: Any, limits: PartLimits, lengths: Callable[[TokenRow], Sequence[int]], **options: Any) -> None:
        self._limits = limits
        self._lengths = lengths
        self.parts: list[dict[str, Any]] = []
        super().__init__(*args, **options)

    def get_train_dataloader(self) -> Any:
        """transformers' data loader, with batches of the form {"parts": [collated part, ...]}."""
        collate = self.data_collator

        def collate_parts(examples: list[TokenRow]) -> dict[str, Any]:
            parts = in_parts([self._lengths(example) for example in examples], self._limits)
            return {"parts": [collate([examples[place] for place in part]) for part in parts]}

        self.data_collator = collate_parts
        try:
            return super().get_train_dataloader()  # type: ignore[misc]
        finally:
            self.data_collator = collate

    def get_batch_samples(self, batches: Iterator[Any], count: int, device: Any) -> Any:
        """transformers' batches, with the number of items counted over all parts."""
        found, _ = super().get_batch_samples(batches, count, device)  # type: ignore[misc]
        return found, super()._get_num_items_in_batch([part for batch in found for part in batch["parts"]], device)  # type: ignore[misc]

    def training_step(self, model: Any, inputs: dict[str, Any], num_items_in_batch: Any = None) -> Any:
        """Add the gradient of a whole batch, and return its loss."""
        self.parts = inputs["parts"]
        noted: Mapping[str, list[float]] = getattr(self, "_metrics", {}).get("train", {})  # TRL would take plain means
        before = {name: len(values) for name, values in noted.items()}
        losses = [super(PartsTrainer, self).training_step(model, part, num_items_in_batch) for part in self.parts]  # type: ignore[misc]
        for name, values in noted.items():
            start = before.get(name, 0)
            if len(values) - start == len(self.parts) > 1:
                sizes = [self.size(part, name) for part in self.parts]
                mean = sum(size * value for size, value in zip(sizes, values[start:], strict=True)) / max(sum(sizes), 1)
                values[start:] = [mean]
        return sum(losses[1:], start=losses[0])

    def size(self, part: dict[str, Any], metric: str) -> int:
        """The number of items, tokens of answers or pairs, over which TRL averages a metric of a part."""
        raise NotImplementedError
