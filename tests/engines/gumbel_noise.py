"""A program that draws by vLLM's GPU sampler, with an interpreted kernel, from sirev's seeds.

On a GPU, vLLM draws no random numbers: it hashes seed, position and token to the noise of the Gumbel-max trick. That
hash decides whether neighbouring seeds, as of one problem's draws, give independent draws.

    TRITON_INTERPRET=1 python -m tests.engines.gumbel_noise

Prints JSON; see `Found`.
"""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import sys
import types
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import triton
import triton.language as tl
from scipy.stats import chisquare

from sirev.engines.requests import request_seed

PROBLEMS, DRAWS, VOCABULARY = 1024, 50, 64
POSITION = 95
LAGS = (1, 2, 3, 4, 7, 8, 16, 32, 49)
AT_ONCE = 2048


def _vllm_kernels() -> Any:
    """vLLM's module alone: without a GPU, vLLM would replace Triton by placeholders."""
    spec = importlib.util.find_spec("vllm")
    assert spec is not None
    assert spec.origin is not None
    package, utils = types.ModuleType("vllm"), types.ModuleType("vllm.triton_utils")
    package.__path__ = []
    utils.tl, utils.triton = tl, triton
    sys.modules.update({"vllm": package, "vllm.triton_utils": utils})
    file = Path(spec.origin).parent / "v1/worker/gpu/sample/gumbel.py"
    own = importlib.util.spec_from_file_location("vllm_gumbel", file)
    assert own is not None
    assert own.loader is not None
    module = importlib.util.module_from_spec(own)
    own.loader.exec_module(module)
    return module


kernels = _vllm_kernels()
noised_argmax = kernels.gumbel_noised_argmax


@triton.jit
def _draw(logits_ptr, seeds_ptr, out_ptr, pos, SEEDS: tl.constexpr, TOKENS: tl.constexpr):
    """Draw a token for each of SEEDS seeds, one per column: the interpreter takes as long for one as for all."""
    which = tl.program_id(0) * SEEDS + tl.arange(0, SEEDS)[None, :]
    keys = tl.arange(0, TOKENS)[:, None] + tl.zeros((TOKENS, SEEDS), tl.int32)
    logits = tl.load(logits_ptr + keys)
    seeds = tl.load(seeds_ptr + which)
    _, token = noised_argmax(logits, keys, keys < TOKENS, seeds, pos, 1.0, False, False)
    tl.store(out_ptr + which, token[None, :])


def drawn(log_p: np.ndarray, seeds: np.ndarray, position: int) -> np.ndarray:
    """One token per seed, at a position of the sequence; `seeds` may have any shape."""
    flat = torch.from_numpy(seeds.reshape(-1).copy())
    out = torch.empty_like(flat)
    logits, pos = torch.from_numpy(log_p.astype(np.float32)), torch.tensor([position])
    _draw[(len(flat) // AT_ONCE,)](logits, flat, out, int(pos), AT_ONCE, VOCABULARY)
    return out.numpy().reshape(seeds.shape)


def asked_of_vllm(log_p: np.ndarray, seeds: np.ndarray, position: int) -> np.ndarray:
    """As `drawn`, by the function that vLLM's sampler calls, with one row per seed."""
    rows = len(seeds)
    logits = torch.from_numpy(np.tile(log_p.astype(np.float32), (rows, 1)))
    which, temperature = torch.arange(rows, dtype=torch.int32), torch.ones(rows)
    positions = torch.full((rows,), position, dtype=torch.int64)
    seeds_ = torch.from_numpy(seeds.copy())
    return kernels.gumbel_sample(
        logits, which, temperature, seeds_, positions, apply_temperature=False, is_drafting=False
    ).numpy()


@dataclass(frozen=True)
class Found:
    """Statistics of the draws of many problems. A z is a deviation from independence, in standard errors."""

    kernel: float
    """Share of draws in which vLLM's function and the kernel called here agree."""
    marginals: list[float]
    """p-values of the chi-square test of the tokens' frequencies, at several positions."""
    lags: dict[int, float]
    """Lag -> z of the frequency with which draws i and i + lag of a problem are the same token."""
    problems: float
    """z of the frequency with which the same draws of neighbouring problems are the same token."""
    positions: float
    """z of the frequency with which a draw's tokens at neighbouring positions are the same."""
    distinct: float
    """z of the number of different answers of three tokens among a problem's draws."""
    distinct_tokens: float
    """Mean number of different tokens among a problem's draws; it should be above one."""


def z(values: np.ndarray, expected: float) -> float:
    """The deviation of the mean of independent values from the expected one, in standard errors."""
    return float((values.mean() - expected) / (values.std(ddof=1) / np.sqrt(len(values))))


def find() -> Found:
    random = np.random.default_rng(0)
    p = random.dirichlet(np.full(VOCABULARY, 0.3)) * 0.98 + 0.02 / VOCABULARY
    log_p = np.log(p)
    first = np.array([request_seed(12345, f"gsm8k-train-{i:05}") for i in range(PROBLEMS)], dtype=np.int64)
    seeds = first[:, None] + np.arange(DRAWS, dtype=np.int64)  # as in vLLM's request of n draws
    at = {position: drawn(log_p, seeds, position) for position in (POSITION, POSITION + 1, POSITION + 2, 300)}
    tokens, same = at[POSITION], float((p**2).sum())
    answers = np.stack([at[POSITION + i] for i in range(3)], -1)
    independent = random.choice(VOCABULARY, p=p, size=(20 * PROBLEMS, DRAWS, 3))
    few = seeds[:8, :8].reshape(-1)
    return Found(
        kernel=float((asked_of_vllm(log_p, few, POSITION) == tokens[:8, :8].reshape(-1)).mean()),
        marginals=[_chi_square(one, p) for one in at.values()],
        lags={lag: z((tokens[:, lag:] == tokens[:, :-lag]).mean(1), same) for lag in LAGS},
        problems=z((tokens[1:] == tokens[:-1]).mean(1), same),
        positions=z((at[POSITION + 1] == tokens).mean(1), same),
        distinct=z(_distinct(answers), float(_distinct(independent).mean())),
        distinct_tokens=float(np.mean([len(set(row)) for row in tokens])),
    )


def _chi_square(tokens: np.ndarray, p: np.ndarray) -> float:
    return float(chisquare(np.bincount(tokens.ravel(), minlength=VOCABULARY), p * tokens.size).pvalue)


def _distinct(answers: np.ndarray) -> np.ndarray:
    """Number of different answers per problem; `answers` (problems, draws, tokens)."""
    packed = np.sort(answers @ VOCABULARY ** np.arange(answers.shape[-1]), axis=1)
    return 1 + (np.diff(packed, axis=1) != 0).sum(1)


if __name__ == "__main__":
    print(json.dumps(dataclasses.asdict(find())))
