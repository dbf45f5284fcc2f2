"""A real cache of the Hugging Face Hub in a temporary folder, as on a machine that was online before."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

COMMIT = "0123456789abcdef0123456789abcdef01234567"
OTHER = "f" * 40


@dataclass(frozen=True)
class HubCache:
    """The folder of a cache for offline use."""

    folder: Path

    @classmethod
    def offline(cls, home: Path, patch: pytest.MonkeyPatch) -> HubCache:
        """Make an empty cache, which this process and its children use from now on."""
        import datasets
        from huggingface_hub import constants

        for name, value in {"HF_HOME": str(home), "HF_HUB_OFFLINE": "1", "HF_DATASETS_CACHE": str(home / "datasets")}.items():
            patch.setenv(name, value)
        for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_DATASETS_OFFLINE"):
            patch.delenv(name, raising=False)
        patch.setattr(constants, "HF_HUB_CACHE", str(home / "hub"))  # were read at import
        patch.setattr(constants, "HF_HUB_OFFLINE", True)
        patch.setattr(datasets.config, "HF_DATASETS_CACHE", home / "datasets")
        patch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
        return cls(home / "hub")

    def dataset(
        self, repository: str, rows: Mapping[str, Sequence[Mapping[str, Any]]], config: str = "main", commit: str = COMMIT
    ) -> None:
        """Add a data set with these rows by split, in the Hub's form: Parquet files named in README.md."""
        import datasets

        snapshot = self._snapshot(f"datasets--{repository.replace('/', '--')}", commit)
        lines = ["---", "configs:", f"- config_name: {config}", "  data_files:"]
        for split, some in rows.items():
            lines += [f"  - split: {split}", f"    path: {config}/{split}-*"]
            datasets.Dataset.from_list(list(some)).to_parquet(snapshot / config / f"{split}-00000-of-00001.parquet")
        (snapshot / "README.md").write_text("\n".join([*lines, "---", ""]))

    def model(self, repository: str, source: Path, commit: str = COMMIT, revision: str = "main") -> Path:
        """Add a model with the files of a local folder, at a commit that is the branch or tag `revision`; return its folder."""
        snapshot = self._snapshot(f"models--{repository.replace('/', '--')}", commit, revision)
        shutil.copytree(source, snapshot, dirs_exist_ok=True)
        return snapshot

    def _snapshot(self, name: str, commit: str, revision: str = "main") -> Path:
        ref = self.folder / name / "refs" / revision
        ref.parent.mkdir(parents=True, exist_ok=True)
        ref.write_text(commit)
        snapshot = self.folder / name / "snapshots" / commit
        snapshot.mkdir(parents=True, exist_ok=True)
        return snapshot
