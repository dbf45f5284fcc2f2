"""Local files of splits. Imports nothing heavy: every replay uses it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from sirev.errors import BadInput

FEW_SHOT = "train/few-shot"
"""The split of CommonsenseQA's training problems with few-shot prompts, from which M_0 makes its own rationales."""
STOP = "\n\nQuestion:"
"""The stop string of few-shot completions: a base model would continue with another question."""


def local_file(path: str | None, named: Mapping[str, str | None], split: str, key: str = "task.data") -> Path:
    """The local file of an upstream split: the one named for it, else the one in the folder `path`, or the file `path`.

    The file may be missing: a replay does not need it. Raises BadInput, naming the recipe's `key`, if no file is named for
    the split.
    """
    if one := named.get(split):
        return Path(os.path.expanduser(one))
    if path is None:
        raise BadInput(f"{key}: no file for the split {split} (name it: {key}.{split}, or a folder: {key}.path)")
    folder = Path(os.path.expanduser(path))
    if (folder.exists() and not folder.is_dir()) or folder.suffix in (".jsonl", ".gz"):
        return folder  # reading it will refuse a pipe and the like
    packed = folder / f"{split}.jsonl.gz"
    return packed if packed.is_file() else folder / f"{split}.jsonl"


def require_distinct_files(task: str, path: str | None, named: Mapping[str, str | None], key: str = "task.data") -> None:
    """Raise BadInput if training and test problems would come from the same file; not for a task with `one_file`."""
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
