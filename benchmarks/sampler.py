"""Tokens a second of the embedded recipe's sampler beside `transformers.generate`: 50 prompts x 16 draws of M_1 of tiny.

    python benchmarks/sampler.py [--store DIR] [--threads N] [--repeats N]

M_1 is taken from the store, or made first (two minutes). The two take turns in one process, and the ratio quoted is
that of their medians. Both draw at temperature 0.75 and top-p 0.95, at most 96 tokens, all 800 answers in one batch.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch

import sirev
from sirev.engines.protocol import Cell, Completion, DecodingSettings, Prompt
from sirev.engines.transformers_engine import TransformersEngine
from sirev.stages.sample import grid

PROMPTS, DRAWS, LIMIT = 50, 16, 96


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", help="default: the checkout's")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=7)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    with tempfile.TemporaryDirectory() as scratch:
        folder, texts = model_and_prompts(sirev.Store(arguments.store), Path(scratch))
        engine = TransformersEngine(folder, None)
        plain = TransformersEngine(folder, None)
        plain.model.set_attn_implementation("sdpa")  # what `generate` uses by default
        speeds: dict[str, list[float]] = {"sirev": [], "generate": []}
        for _ in range(arguments.repeats):
            speeds["sirev"].append(speed(lambda: ours(engine, texts)))
            speeds["generate"].append(speed(lambda: theirs(plain, texts)))
    medians = {name: statistics.median(found) for name, found in speeds.items()}
    for name, found in speeds.items():
        print(f"{name:9} {medians[name]:8,.0f} tokens/s  (min {min(found):,.0f}, max {max(found):,.0f})")
    print(f"ratio of medians {medians['sirev'] / medians['generate']:.2f}, threads {arguments.threads}")


def model_and_prompts(store: sirev.Store, scratch: Path) -> tuple[Path, list[str]]:
    """The folder of M_1 of tiny with seed 0, and the first test prompts."""
    (result,) = sirev.iterate("tiny", methods=["sft"], overrides=["T=2", "name=benchmark"], store=store)
    run = store.runs.get(result.id)
    assert run is not None
    problems = store.artifact(run.pins["source/test"].artifact).rows("problems")
    model = store.artifact(run.pins["train:1"].artifact)
    return model.link_into(scratch / "model"), [row["prompt"] for row in problems[:PROMPTS]]


def speed(sample: Callable[[], int]) -> float:
    """Tokens a second."""
    began = time.perf_counter()
    tokens = sample()
    return tokens / (time.perf_counter() - began)


def ours(engine: TransformersEngine, texts: list[str]) -> int:
    """Tokens that sirev's sampler wrote, without end of text, in the cells that the stage `sample` asks for."""
    written: list[Completion] = []
    cells = [
        Cell(tuple(Prompt(*prompt) for prompt in cell.prompts), cell.first_draw, cell.draws)
        for cell in grid([(str(i), text) for i, text in enumerate(texts)], DRAWS)
    ]
    engine.sample(cells, DecodingSettings(0.75, 0.95, LIMIT), 0, lambda _, completions: written.extend(completions))
    return sum(len(completion.token_ids) for completion in written)


@torch.inference_mode()
def theirs(engine: TransformersEngine, texts: list[str]) -> int:
    """Tokens that `generate` wrote, likewise."""
    tokenizer = engine.tokenizer
    tokenizer.padding_side = "left"
    batch = tokenizer(texts, return_tensors="pt", padding=True, return_token_type_ids=False)
    torch.manual_seed(0)
    out = engine.model.generate(
        **batch,
        do_sample=True,
        temperature=0.75,
        top_p=0.95,
        top_k=0,
        num_return_sequences=DRAWS,
        max_new_tokens=LIMIT,
        pad_token_id=tokenizer.pad_token_id,
    )
    new = out[:, batch["input_ids"].shape[1] :]
    return int(((new != tokenizer.pad_token_id) & (new != tokenizer.eos_token_id)).sum())


if __name__ == "__main__":
    main()
