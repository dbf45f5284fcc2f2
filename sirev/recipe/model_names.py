"""Names of recipes that run with another model than their own."""

from __future__ import annotations

import os
import re
from pathlib import Path

_LONGEST = 60
"""The most characters of a model's name in a recipe's name."""
SNAPSHOT = re.compile(r"/models--(?:[^/]+--)?([^/]+)/snapshots/[^/]+/?$")
"""The path of a model in the Hub's cache, whose folder is named by its commit."""


def model_slug(model: str) -> str:
    """The last part of a model's name, in lower case and fit for a run's name: qwen2.5-1.5b for Qwen/Qwen2.5-1.5B."""
    cached = SNAPSHOT.search(model)
    last = cached[1] if cached else model.rstrip("/").rpartition("/")[2]
    if last in ("", ".", "..", "~"):
        last = Path(os.path.expanduser(model)).resolve().name
    slug = re.sub(r"[^a-z0-9_.-]+", "-", last.lower())[:_LONGEST].strip("-._")
    return slug or "model"


def named_after(recipe: str, own: str | None, model: str) -> str:
    """The name of a recipe that runs with `model` instead of its `own`: qwen2.5-1.5b-gsm8k for gsm8k or mistral_gsm8k.

    The part of the recipe's name that stands for its own model is dropped.
    """
    slug = model_slug(model)
    rest = recipe
    if own is not None:
        first, _, after = recipe.partition("_")
        if recipe.startswith(f"{model_slug(own)}-"):
            rest = recipe.removeprefix(f"{model_slug(own)}-")
        elif after and _letters(first) and _letters(first) in _letters(own):
            rest = after
    return f"{slug}-{rest}" if rest else slug


def _letters(text: str) -> str:
    """Only the letters and digits, in lower case: llama2 for Llama-2."""
    return re.sub(r"[^a-z0-9]", "", text.lower())
