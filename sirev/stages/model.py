"""model: a pretrained base model M_0, identified by a Hub commit or the digest of its files, not by its location.

The weights stay where they are; training and sampling find them again by this artifact.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from sirev.errors import BadInput
from sirev.parameters import semantic
from sirev.stages.stage import Context, Stage
from sirev.store.artifacts import Artifact, Output
from sirev.store.digests import canonical_json, sha256
from sirev.store.objects import DamagedObject
from sirev.trainers.base_models import PATTERNS, FetchRequest, HubModel, fetch
from sirev.trainers.models import ModelSource

REFERENCE = "base_model.json"
"""{"hub": repository, "commit": hash}, or {"digest": of a local folder's files}."""


@dataclass(frozen=True)
class ModelParameters:
    """A Hub repository with a revision (None for its main branch), or the digest of a local folder's files."""

    hub: str | None = semantic(default=None, absent_means=None)
    revision: str | None = semantic(default=None, absent_means=None)
    digest: str | None = semantic(default=None, absent_means=None)


def run(parameters: ModelParameters, inputs: Mapping[str, Artifact], context: Context) -> Output:
    """`base_model.json`. A Hub model is downloaded unless this machine has it, so that a missing one is noticed at once."""
    reference: dict[str, Any] = {"digest": parameters.digest}
    if parameters.hub is not None:
        request = FetchRequest(parameters.hub, parameters.revision)
        reference = asdict(context.call("source", fetch, request, lambda event: None))
    return Output(files={REFERENCE: canonical_json(reference)})


def model_files(folder: Any) -> dict[str, Any]:
    """Name -> path of the files of a saved model."""
    return {path.name: path for path in sorted(folder.iterdir())}


def model_source(name: str, inputs: Mapping[str, Artifact], context: Context) -> ModelSource:
    """The source of the model input `name`, and of its base if there is one, for a request to a child."""
    base = inputs.get(f"{name}_base")
    return ModelSource(_place(name, inputs[name], context), _place(f"{name}_base", base, context) if base else None)


def folder_digest(model: Artifact) -> str | None:
    """The digest of a folder with the files of a trained model, as `LocalFiles` computes it; None for a model without files."""
    files = model.manifest["files"]
    sums = {name: entry["sha256"] for name, entry in files.items() if any(fnmatch(name, pattern) for pattern in PATTERNS)}
    return sha256(canonical_json(sums)) if sums else None


def _place(name: str, model: Artifact, context: Context) -> Path | HubModel:
    if REFERENCE not in model.manifest["files"]:
        try:
            return model.link_into(context.scratch / name)
        except DamagedObject:
            digest = folder_digest(model)
            with contextlib.suppress(BadInput):  # a user may have a copy in a folder
                if digest is not None:
                    return context.local_model(digest)
            raise
    reference = model.json(REFERENCE)
    return HubModel(**reference) if "hub" in reference else context.local_model(reference["digest"])


STAGE = Stage("model", 1, ModelParameters, run, place=40, needs=("model",))
