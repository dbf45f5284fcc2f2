"""Paths of the files that come with sirev. Imports nothing heavy: tab completion uses this too."""

from __future__ import annotations

from pathlib import Path


def checkout() -> Path | None:
    """The folder of the checkout that this sirev runs from; None in an installed package."""
    folder = Path(__file__).resolve().parents[1]
    return folder if (folder / "pyproject.toml").is_file() and (folder / "recipes").is_dir() else None


def recipe_folder() -> Path:
    """The folder of the recipes that come with sirev: the installed package's, or the checkout's."""
    installed = Path(__file__).parent / "recipes"
    return installed if installed.is_dir() else Path(__file__).resolve().parents[1] / "recipes"


def model_archive(key: str, artifact: str | None = None) -> Path | None:
    """The archive of the base model with this key, if it comes with sirev: models/KEY/ARTIFACT.tar.zst.

    With `artifact` (a manifest digest), only that realisation.
    """
    found = sorted((recipe_folder() / "models" / key).glob("*.tar.zst"))
    return next((file for file in found if artifact in (None, file.name.partition(".")[0])), None)


def names_in(folder: Path) -> list[str]:
    """The names of the YAML files in a folder, without their ending."""
    return sorted(path.stem for path in folder.glob("*.yaml"))
