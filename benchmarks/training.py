"""What training loses to padding and to preparation, on GSM8K's own solutions; beside another checkout, where one is named.

Each is timed in a process of its own with one thread, in turn; CPU time, since machines are shared, and ratios of medians. Of
what comes before the first step the seconds on the clock are told as well.

    python benchmarks/training.py MODEL_FOLDER GSM8K_TRAIN.jsonl.gz [--against CHECKOUT] [--rows 20000] [--rounds 3]

`--layers` trains the first layers of the model alone: what is compared, tokens with and without padding, stays the same.
`--only start` times what comes before the first step, `--only train` steps.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parents[1]
BATCH, MICRO = 32, 8
KINDS = ("start", "train")


def main() -> None:
    """Measure and print; with `--child`, one of the timed processes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("--against", type=Path)
    parser.add_argument("--rows", type=int, default=20000)
    parser.add_argument("--steps", type=int, default=2)
    parser.add_argument("--layers", type=int)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=KINDS)
    parser.add_argument("--child", choices=KINDS)
    asked = parser.parse_args()
    if asked.child:
        print(json.dumps(timed(asked)))
        return
    padding(asked)
    with tempfile.TemporaryDirectory() as scratch:
        if asked.layers:
            asked.model = shortened(asked.model, asked.layers, Path(scratch))
        for what in [asked.only] if asked.only else KINDS:
            compare(what, asked)


def compare(what: str, asked: argparse.Namespace) -> None:
    """Time this checkout and the other in turn."""
    checkouts = {"here": HERE} | ({"there": asked.against.resolve()} if asked.against else {})
    seen: dict[str, list[dict[str, float]]] = {name: [] for name in checkouts}
    for _ in range(asked.rounds):
        for name, checkout in checkouts.items():
            seen[name].append(child(what, asked, checkout))
    medians = {name: statistics.median(one["seconds"] for one in found) for name, found in seen.items()}
    for name, found in seen.items():
        rate = found[0]["done"] / medians[name]
        unit = "rows" if what == "start" else "tokens"
        print(f"{what} {name}: {medians[name]:.2f} s of CPU, {rate:,.0f} {unit} per second", end="")
        wall = statistics.median(one["wall"] for one in found)
        print(f", losses {found[0]['losses']}" if what == "train" else f", {wall:.1f} s on the clock")
    if len(medians) == 2:
        print(f"{what}: {medians['there'] / medians['here']:.2f} times as fast", flush=True)


def child(what: str, asked: argparse.Namespace, checkout: Path) -> dict[str, Any]:
    """Time a checkout in a process of its own."""
    arguments = [str(asked.model), str(asked.data), "--rows", str(asked.rows), "--steps", str(asked.steps), "--child", what]
    env = {**os.environ, "PYTHONPATH": str(checkout), "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
    done = subprocess.run([sys.executable, __file__, *arguments], env=env, cwd=checkout, stdout=subprocess.PIPE, check=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def timed(asked: argparse.Namespace) -> dict[str, Any]:
    """CPU seconds from the rows to a trainer that is ready, or of some optimizer steps, and what was done in them."""
    from sirev.trainers.dispatch import LoraParameters, TrainParameters, TrainRequest
    from sirev.trainers.models import ModelSource
    from sirev.trainers.trl_steps import make_trainer

    count = asked.rows if asked.child == "start" else 4 * BATCH
    lora = LoraParameters(32, 64, 0.0, ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"])
    settings = TrainParameters("sft", 1, BATCH, 1e-4, 0.0, 1, lora=lora, max_steps=asked.steps, micro_batch_size=MICRO)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / "rows.json").write_text(json.dumps(rows(asked.data, count)), encoding="utf-8")
        request = TrainRequest(settings, ModelSource(asked.model), folder / "rows.json", folder / "out", folder / "attempts")
        before, began = time.process_time(), time.monotonic()
        trainer, _ = make_trainer(request, folder / "attempts")
        if asked.child == "start":
            return {"seconds": time.process_time() - before, "wall": time.monotonic() - began, "done": count}
        before, began = time.process_time(), time.monotonic()
        trainer.train()
        seconds, wall = time.process_time() - before, time.monotonic() - began
        log = [entry for entry in trainer.state.log_history if "loss" in entry]
        losses = [round(entry["loss"], 5) for entry in log]
        return {"seconds": seconds, "wall": wall, "done": log[-1]["num_tokens"], "losses": losses}


def rows(data: Path, count: int) -> list[dict[str, str]]:
    """So many prompts and solutions of GSM8K, over and over where there are fewer, as a problem has many right answers."""
    with gzip.open(data, "rt", encoding="utf-8") as lines:
        problems = [json.loads(line) for line in lines]
    plain = [re.sub(r"<<[^>]*>>", "", problem["answer"]) for problem in problems]
    prompts = [f"Question: {problem['question']}\nAnswer:\n" for problem in problems]
    return [{"prompt": prompts[i % len(prompts)], "completion": plain[i % len(plain)]} for i in range(count)]


def padding(asked: argparse.Namespace) -> None:
    """Print which share of the tokens that go through the model is real, as they come and by length."""
    import random

    from transformers import AutoTokenizer

    from sirev.trainers.parts import PartLimits, in_parts
    from sirev.trainers.tokens import pairs_ids

    tokenizer = AutoTokenizer.from_pretrained(asked.model)
    ids = pairs_ids(tokenizer, [(row["prompt"], row["completion"]) for row in rows(asked.data, 4000)])
    lengths = [(len(prompt) + len(answer),) for prompt, answer in ids]
    random.Random(0).shuffle(lengths)
    batches = [lengths[start : start + BATCH] for start in range(0, len(lengths), BATCH)]
    real = sum(length for (length,) in lengths)
    micro = [batch[start : start + MICRO] for batch in batches for start in range(0, len(batch), MICRO)]
    plain = sum(max(part)[0] * len(part) for part in micro)
    print(f"tokens that are no padding: {real / plain:.3f} as they come, {MICRO} at a time", end="")
    for name, limits in (("8 examples", PartLimits(MICRO)), ("6144 tokens", PartLimits(tokens=6144))):
        through = sum(max(batch[i] for i in part)[0] * len(part) for batch in batches for part in in_parts(batch, limits))
        print(f"; {real / through:.3f} by length, {name} at most", end="")
    print()


def shortened(model: Path, layers: int, scratch: Path) -> Path:
    """The model with its first layers alone."""
    folder = scratch / "model"
    shutil.copytree(model, folder)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    (folder / "config.json").write_text(json.dumps(config | {"num_hidden_layers": layers}), encoding="utf-8")
    return folder


if __name__ == "__main__":
    main()
