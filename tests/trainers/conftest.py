"""Small models to train."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from transformers import set_seed

from sirev.trainers.models import ModelSource, save_model
from sirev.trainers.pretrain import build_model, build_tokenizer
from sirev.trainers.trl_steps import train
from tests.trainers.test_models import SIZES
from tests.trainers.training_requests import LORA, request, sft_rows


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Use one thread: on a busy machine, such small models train five times as fast with one thread as with two."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> ModelSource:
    """A small model with random weights."""
    folder = tmp_path_factory.mktemp("base")
    set_seed(0)
    tokenizer = build_tokenizer()
    save_model(build_model(SIZES, tokenizer), tokenizer, folder)
    return ModelSource(folder)


@pytest.fixture(scope="session")
def adapter(base: ModelSource, tmp_path_factory: pytest.TempPathFactory) -> ModelSource:
    """M_1 by LoRA: a trained adapter on `base`."""
    arguments = request(tmp_path_factory.mktemp("adapter"), "sft", base, sft_rows(20), lora=LORA, learning_rate=2e-2)
    train(arguments, lambda event: None)
    return ModelSource(arguments.out, base.path)
