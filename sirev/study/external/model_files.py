"""The files given to `measure`, model by model, and what was read from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from sirev.errors import BadInput
from sirev.listing import listed
from sirev.stages.imported import WITH, SamplesParameters
from sirev.store.artifacts import Artifact
from sirev.store.local_files import LocalFiles
from sirev.study.grading_task import FileGrading, GradingTask
from sirev.tasks.external.completions import field_paths
from sirev.tasks.external.files import file_form, files_at

Given = str | Path | Sequence[str | Path]
"""A file, a folder, a pattern, or several of these."""
FilesKind = Literal["file", "greedy"]


@dataclass(frozen=True)
class ModelFiles:
    """The files of one model: its completions (`kind` "file"), or its greedy answers given in addition to draws."""

    kind: FilesKind
    model: str
    t: int
    files: tuple[Path, ...]
    parameters: SamplesParameters

    @property
    def names(self) -> str:
        """The names of the files, to show: "m1-0.jsonl and 3 more"."""
        return file_names(self.files)

    @property
    def option(self) -> str:
        """The option that named the files, to quote in a message."""
        return f"--{'greedy' if self.kind == 'greedy' else 'step'} {self.model}={', '.join(map(str, self.files))}"

    def settings(self) -> dict[str, Any]:
        """The content as part of a run's settings, without the files' places."""
        more = {"more": self.parameters.more} if self.parameters.more else {}
        return {"sha256": self.parameters.rows, "fields": self.parameters.fields, **more}


@dataclass(frozen=True)
class Read:
    """A source with the artifact read from it, and the inputs of the stage that makes the artifact."""

    source: ModelFiles
    artifact: Artifact
    summary: Mapping[str, Any]
    inputs: Mapping[str, Artifact]

    @property
    def single(self) -> bool:
        """Whether each problem has one completion."""
        return bool(self.summary["most"] == 1)

    def narrowed_by(self, others: Sequence[Read]) -> dict[str, Artifact]:
        """The inputs of the stage that keep only problems shared with all `others`."""
        named = {f"{WITH}{one.source.kind}:{one.source.t}": one.artifact for one in others}
        return {**self.inputs, "samples": self.artifact, **named}


def file_names(files: Sequence[str | Path]) -> str:
    """The name of the first file, and the number of others."""
    return listed([Path(file).name for file in files], 1)


def sources(
    models: Mapping[str, Given],
    greedy: Mapping[str, Given],
    local: LocalFiles,
    *,
    reader: str,
    fields: Mapping[str, str],
    filter: str | None,
    task: GradingTask | FileGrading | None,
) -> list[ModelFiles]:
    """The given files, found and digested; BadInput for a missing one, or one that a model has twice."""
    found: list[ModelFiles] = []
    order = list(models)
    given: list[tuple[FilesKind, str, Given]] = [("file", model, one) for model, one in models.items()]
    given += [("greedy", model, one) for model, one in greedy.items()]
    for kind, model, places in given:
        files = [file for place in listed_places(places) for file in files_at(place)]
        if not files:
            raise BadInput(f"{model}: names no file")
        parameters = SamplesParameters(
            rows="",
            form="",
            reader=reader,
            fields=field_paths(fields, model),
            filter=filter,
            task=task.name if isinstance(task, GradingTask) else None,
            template=task.template if isinstance(task, GradingTask) else "",
            golds=isinstance(task, FileGrading),
        )
        digests = _digests(model, files, local)
        parameters = replace(
            parameters,
            rows=digests[0],
            form=file_form(files[0]),
            more=[[digest, file_form(path)] for digest, path in zip(digests[1:], files[1:], strict=True)],
            file=str(files[0]),
            more_files=[str(path) for path in files[1:]],
        )
        found.append(ModelFiles(kind, model, order.index(model) + 1, tuple(files), parameters))
    return found


def listed_places(places: Given) -> list[str | Path]:
    """All places where a model's files are."""
    return [places] if isinstance(places, str | Path) else list(places)


def _digests(model: str, files: Sequence[Path], local: LocalFiles) -> list[str]:
    """The sha256 of each file of a model; BadInput for a missing file, or equal ones, whose completions would count twice."""
    found: dict[str, Path] = {}
    for path in files:
        digest = local.digest(path)
        if digest is None:
            raise BadInput(f"{model}: there is no file {path}")
        if digest in found:
            same = "is given twice" if found[digest] == path else f"holds the same as {found[digest]}"
            raise BadInput(f"{model}: {path} {same}; its completions would count twice")
        found[digest] = path
    return list(found)
