"""Local data of trackers, read back by their own libraries."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

LOCAL = {
    "trackio": {"TRACKIO_DIR": "{folder}"},
    "wandb": {"WANDB_MODE": "offline", "WANDB_DIR": "{folder}"},
    "tensorboard": {"TENSORBOARD_LOGGING_DIR": "{folder}"},
    "mlflow": {"MLFLOW_TRACKING_URI": "file://{folder}", "MLFLOW_ALLOW_FILE_STORE": "true"},
}
"""Tracker -> environment variables with which it stores everything in a folder."""
_BLOCK = 32768
"""Bytes per block of wandb's log, which has LevelDB's format."""


@dataclass
class ReadBack:
    """A run as stored by a tracker, with values by name and step, repeated if they were logged repeatedly."""

    name: str = ""
    group: str = ""
    config: dict[str, str] = field(default_factory=dict)
    values: list[tuple[str, int, float | str]] = field(default_factory=list)
    files: int = 0

    def curve(self, name: str) -> list[tuple[int, float | str]]:
        """(step, value) of a name, in the order of steps."""
        return [(step, value) for one, step, value in sorted(self.values, key=lambda of: of[1]) if one == name]


def keep_in(folder: Path, tracker: str, patch: pytest.MonkeyPatch) -> None:
    """Make a tracker store everything in a folder; skips the test if it is not installed."""
    pytest.importorskip(tracker)
    folder.mkdir(parents=True, exist_ok=True)
    for name, value in LOCAL[tracker].items():
        patch.setenv(name, value.format(folder=folder))


def read_back(folder: Path, tracker: str, project: str) -> dict[str, ReadBack]:
    """Run -> its data in a tracker's folder."""
    return {run.config["run"]: run for run in _READERS[tracker](folder, project) if "run" in run.config}


def _of_trackio(folder: Path, project: str) -> Iterator[ReadBack]:
    from trackio import utils
    from trackio.sqlite_storage import SQLiteStorage

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("trackio.sqlite_storage.TRACKIO_DIR", folder)
        patch.setattr(utils, "TRACKIO_DIR", folder)
        for name in SQLiteStorage.get_runs(project):
            run = ReadBack(name, config=SQLiteStorage.get_run_config(project, name) or {})
            run.group = run.config["_Group"]
            for entry in SQLiteStorage.get_logs(project, name):
                values = {key: value for key, value in entry.items() if key not in ("step", "timestamp")}
                run.values += [(key, entry["step"], value) for key, value in values.items()]
            run.files = len([path for path in folder.rglob("blobs/sha256/*/*") if path.is_file()])
            yield run


def _of_wandb(folder: Path, project: str) -> Iterator[ReadBack]:
    from wandb.proto.wandb_internal_pb2 import Record

    found: dict[str, ReadBack] = {}
    for path in sorted(folder.glob("wandb/offline-run-*/*.wandb")):
        run = found.setdefault(path.stem, ReadBack())
        for data in _logged(path.read_bytes()):
            record = Record()
            record.ParseFromString(data)
            if record.HasField("run"):
                assert record.run.project == project
                run.name, run.group = record.run.display_name, record.run.run_group
                run.config |= {item.key: json.loads(item.value_json) for item in record.run.config.update}
            run.config |= {item.key: json.loads(item.value_json) for item in record.config.update}
            row = {item.key or item.nested_key[0]: json.loads(item.value_json) for item in record.history.item}
            for axis in ("t", "train/global_step"):
                if axis in row:
                    run.values += [(key, row[axis], value) for key, value in row.items() if key != axis and key[0] != "_"]
            run.files += record.HasField("artifact") or record.request.HasField("log_artifact")
    yield from found.values()


def hosts(log: Path) -> Iterator[str]:
    """The machine that wandb has each run of a log from; "" for none."""
    from wandb.proto.wandb_internal_pb2 import Record

    for data in _logged(log.read_bytes()):
        record = Record()
        record.ParseFromString(data)
        if record.HasField("run"):
            yield record.run.host


def _logged(data: bytes) -> Iterator[bytes]:
    """Yield the records of a log: each in one or several pieces, none of which crosses a block's end."""
    at, whole = 7, b""
    while at + 7 <= len(data):
        if _BLOCK - at % _BLOCK < 7:
            at += _BLOCK - at % _BLOCK
            continue
        length, kind = struct.unpack_from("<HB", data, at + 4)
        whole += data[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):
            yield whole
            whole = b""


def _of_tensorboard(folder: Path, project: str) -> Iterator[ReadBack]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    for path in sorted({path.parent for path in (folder / project).rglob("events.out.*")}):
        events = EventAccumulator(str(path), {"scalars": 0, "tensors": 0})
        events.Reload()
        run = ReadBack(path.name, path.parent.name)
        for name in events.Tags()["scalars"]:
            run.values += [(name, one.step, one.value) for one in events.Scalars(name)]
        for name in events.Tags()["tensors"]:
            tag = name.removesuffix("/text_summary")
            texts = [(one.step, one.tensor_proto.string_val[0].decode()) for one in events.Tensors(name)]
            if tag == "config":
                run.config |= json.loads(texts[0][1])
            elif tag.startswith("config/"):
                run.config[tag.removeprefix("config/")] = texts[-1][1].strip()
            else:
                run.values += [(tag, step, text) for step, text in texts]
        yield run


def _of_mlflow(folder: Path, project: str) -> Iterator[ReadBack]:
    from mlflow import MlflowClient

    client = MlflowClient(f"file://{folder}")
    experiment = client.get_experiment_by_name(project)
    for found in client.search_runs([experiment.experiment_id]) if experiment is not None else ():
        tags = found.data.tags
        run = ReadBack(found.info.run_name, tags["study"], {**found.data.params, **tags})
        for name in found.data.metrics:
            run.values += [(name, one.step, one.value) for one in client.get_metric_history(found.info.run_id, name)]
        run.files = len(client.list_artifacts(found.info.run_id))
        yield run


_READERS: dict[str, Callable[[Path, str], Iterator[Any]]] = {
    "trackio": _of_trackio,
    "wandb": _of_wandb,
    "tensorboard": _of_tensorboard,
    "mlflow": _of_mlflow,
}
