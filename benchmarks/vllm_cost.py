"""What sirev costs on top of vLLM: tokens/s of the stage `sample`, store and all, against a bare vLLM script.

Same engine, prompts and settings; runs alternate, and the ratio is of medians.

    python benchmarks/vllm_cost.py MODEL_FOLDER [--problems 16] [--draws 4] [--tokens 32] [--rounds 7]
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from sirev import Store
from sirev.engines import dispatch
from sirev.engines.requests import request_seed
from sirev.engines.vllm_engine import VllmEngine
from sirev.processes.requests import Emit, Event, Request, Result, Work, as_json, messages_of, typed
from sirev.stages import sample, source
from sirev.store.artifacts import Artifact, Output
from sirev.store.tables import Table
from sirev.trainers.tokens import prompt_ids


class Context:
    """A stage's context with the engine in this process; what passes between processes is written and read as JSON."""

    def __init__(self, store: Store, scratch: Path) -> None:
        self.store, self.scratch, self.attempts = store, scratch, scratch

    def call(
        self,
        role: str,
        work: Work[Request, Event, Result],
        request: Request,
        on_event: Emit[Event],
        holding: str | None = None,
    ) -> Result:
        messages = messages_of(work)
        there = typed(messages.request, json.loads(as_json(request)))
        return work(there, lambda event: on_event(typed(messages.event, json.loads(as_json(event)))))

    def progress(self, done: int, total: int, unit: str, rate: float | None = None) -> None:
        pass

    def local_model(self, digest: str) -> Path:
        raise NotImplementedError

    def stored(self, action: dict[str, Any]) -> Artifact | None:
        return None

    def keep(self, action: dict[str, Any], output: Output) -> Artifact:
        return self.store.publish(action, output)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    for name, default in (("problems", 16), ("draws", 4), ("tokens", 32), ("rounds", 7)):
        parser.add_argument(f"--{name}", type=int, default=default)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measure(asked, Path(folder))


def measure(asked: argparse.Namespace, folder: Path) -> None:
    """Alternate the two ways over one engine."""
    store = Store(folder / "store")
    prompts = [
        f"Problem: Tom has {i} apples and buys {2 * i + 3} more. How many has he?\nSolution:\n" for i in range(asked.problems)
    ]
    rows = [{"id": f"p{i:03}", "prompt": p, "target": "", "answer": "", "level": ""} for i, p in enumerate(prompts)]
    problems = store.publish({"problems": 1}, Output(tables={"problems": Table(source.COLUMNS, rows, ("id",))}))
    files = {path.name: path for path in asked.model.iterdir() if path.is_file()}
    inputs = {"problems": problems, "model": store.publish({"model": 1}, Output(files=dict(files)))}
    ways: dict[str, list[float]] = {"vllm": [], "sirev": []}
    for seed in range(asked.rounds + 1):
        parameters = sample.SampleParameters(
            "vllm", asked.draws, 0.75, 0.95, asked.tokens, seed, dtype="float32", options={"context": 512}
        )
        scratch = folder / f"scratch-{seed}"
        scratch.mkdir()
        began = time.monotonic()
        output = sample.run(parameters, inputs, Context(store, scratch))
        ways["sirev"].append(output.provenance["tokens"] / (time.monotonic() - began))
        ways["vllm"].append(bare(asked, prompts, seed))
    medians = {way: statistics.median(rates[1:]) for way, rates in ways.items()}  # the first round starts the engine
    print(f"engine starts: {dispatch.loads}")
    for way, rate in medians.items():
        print(f"{way:<6} {rate:8,.0f} tokens/s  ({', '.join(f'{r:,.0f}' for r in ways[way][1:])})")
    print(f"sirev / vllm: {medians['sirev'] / medians['vllm']:.3f}")


def bare(asked: argparse.Namespace, prompts: list[str], seed: int) -> float:
    """Tokens/s of `LLM.generate` with the same requests."""
    from vllm import SamplingParams

    assert dispatch._loaded is not None
    engine = dispatch._loaded[1]
    assert isinstance(engine, VllmEngine)
    end = engine.tokenizer.eos_token_id
    settings = [
        SamplingParams(
            n=asked.draws,
            temperature=0.75,
            top_p=0.95,
            max_tokens=asked.tokens,
            seed=request_seed(seed, f"p{i:03}"),
            ignore_eos=True,
            stop_token_ids=[end],
        )
        for i in range(len(prompts))
    ]
    began = time.monotonic()
    outputs = engine._llm.generate(
        [{"prompt_token_ids": prompt_ids(engine.tokenizer, p)} for p in prompts], settings, use_tqdm=False
    )
    tokens = sum(len(answer.token_ids) - (answer.token_ids[-1] == end) for output in outputs for answer in output.outputs)
    return tokens / (time.monotonic() - began)


if __name__ == "__main__":
    main()
