"""The published split and the local file behind a split. Imports nothing heavy: every replay asks."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from sirev.errors import BadInput

FEW_SHOT = "train/few-shot"
"""The training problems of CommonsenseQA once more, behind worked examples, for M_0 to make rationales of its own."""
STOP = "\n\nQuestion:"
"""Where a few-shot completion ends: a base model would go on with a question of its own."""


def local_file(path: str | None, named: Mapping[str, str | None], split: str, key: str = "task.data") -> Path:
    """The local file of an upstream split: the one named for it, or in the folder `path`, or `path` itself.

    The file need not be there: a replay does without. BadInput, naming the recipe's `key`, where no file is named for the
    split at all.
    """
    if one := named.get(split):
        return Path(os.path.expanduser(one))
    if path is None:
        raise BadInput(f"{key}: no file for the split {split} (name it: {key}.{split}, or a folder: {key}.path)")
    folder = Path(os.path.expanduser(path))
    if (folder.exists() and not folder.is_dir()) or folder.suffix in (".jsonl", ".gz"):
        return folder  # a pipe, say, is refused by whoever reads it
    packed = folder / f"{split}.jsonl.gz"
    return packed if packed.is_file() else folder / f"{split}.jsonl"


def require_distinct_files(task: str, path: str | None, named: Mapping[str, str | None], key: str = "task.data") -> None:
    """BadInput where the training and the test problems would come from one file, which is not for a task with `one_file`."""
    if path is None and not (named.get("train") and named.get("test")):
        return
    train, test = (local_file(path, named, split, key) for split in ("train", "test"))
    if train != test:
        return
    if named.get("train") and named.get("test"):
        raise BadInput(f"{key}: train and test are the same file, {train}")
    if named.get("train") or named.get("test"):
        raise BadInput(f"{key}: {train} would be both train and test; name two files")
    raise BadInput(f"{key}.path: {path} is one file; {task} needs a folder with train.jsonl and test.jsonl")
