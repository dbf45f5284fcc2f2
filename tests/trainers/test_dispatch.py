from __future__ import annotations

from pathlib import Path

import pytest
import torch

from sirev.errors import BadInput
from sirev.trainers.dispatch import train
from sirev.trainers.models import ModelSource
from tests.trainers.training_requests import request, sft_rows


def test_a_cpu_trains_nothing_for_a_recipe_that_requires_a_gpu(tmp_path: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    asked = request(tmp_path, "sft", ModelSource(tmp_path / "no model is looked for"), sft_rows(2), gpu_required=True)
    with pytest.raises(BadInput, match=r"^the recipe requires a GPU \(gpu: required\), and torch "):
        train(asked, lambda event: None)
