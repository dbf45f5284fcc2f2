"""A batch of an optimizer step, as parts that go through the model one after the other and train as the whole would.

transformers is given whole batches, so that which examples are in one, and where an interrupted training goes on, does
not depend on how a batch is cut. Within a batch examples go by length, which spares much of the padding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

TokenRow = Mapping[str, Any]

PART = 512
"""What a part costs beside its tokens, in tokens: starting the kernels of a 7B model's two passes takes a GPU some 50 ms."""


@dataclass(frozen=True)
class PartLimits:
    """How much goes through the model at once: examples, and tokens with their padding; None is no limit."""

    examples: int | None = None
    tokens: int | None = None

    def allow(self, examples: int, tokens: int) -> bool:
        """Whether so much may go through at once."""
        return (self.examples is None or examples <= self.examples) and (self.tokens is None or tokens <= self.tokens)


def in_parts(lengths: Sequence[Sequence[int]], limits: PartLimits) -> list[list[int]]:
    """Which examples of a batch, by their places in it, go through the model together.

    `lengths` are the tokens of each example's sequences; all of a part are padded to its longest. Of all ways to cut the
    batch by length within the limits, the one with the fewest tokens to go through, where a part counts as so many more.
    The longest come first, so that memory that does not suffice shows at once; an example above the limits goes alone.
    Where nothing is to be cut the order stays, and with it, to the last bit, the sums over a batch.
    """
    whole = list(range(len(lengths)))
    if limits == PartLimits():
        return [whole]
    order = sorted(whole, key=lambda place: -max(lengths[place]))
    best: list[tuple[int, int]] = [(0, 0)]  # of the longest few: the least cost, and how many of them are in earlier parts
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
    """What a trainer of transformers is given, as its first base class, so that batches go through the model in parts.

    The loss of a part must be its share in that of the whole: `num_items_in_batch` counts the whole batch, and `parts`
    are there while one of them is trained on.
    """

    data_collator: Any

    def __init__(self, *args: Any, limits: PartLimits, lengths: Callable[[TokenRow], Sequence[int]], **options: Any) -> None:
        self._limits = limits
        self._lengths = lengths
        self.parts: list[dict[str, Any]] = []
        super().__init__(*args, **options)

    def get_train_dataloader(self) -> Any:
        """transformers' own, whose batches are {"parts": [what its collator makes of each]}."""
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
        """transformers' own, with the items of all parts counted."""
        found, _ = super().get_batch_samples(batches, count, device)  # type: ignore[misc]
        return found, super()._get_num_items_in_batch([part for batch in found for part in batch["parts"]], device)  # type: ignore[misc]

    def training_step(self, model: Any, inputs: dict[str, Any], num_items_in_batch: Any = None) -> Any:
        """Add the gradient of a whole batch, and return its loss."""
        self.parts = inputs["parts"]
        noted: Mapping[str, list[float]] = getattr(self, "_metrics", {}).get("train", {})  # TRL's, which takes their plain mean
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
        """What a mean that TRL notes of a part is a mean over: how many answers' tokens, or pairs."""
        raise NotImplementedError
