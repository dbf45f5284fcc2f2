"""Sweeps on Ray: one task per segment, started by Ray once the tasks whose results it needs have ended.

Only the grid and ids pass through Ray. Results pass through the store, or through a shared one if each node has its own store.
A task's worker process ends with it, which frees all its memory on a GPU.
"""

from __future__ import annotations

import os
import secrets
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from typing import Any

from sirev.api.ray_task import BOARD_SECONDS, Board, check_machine, compute_segment
from sirev.api.sweep import GridSweep, SegmentTold
from sirev.api.sweep_task import MachineFacts, SentSweep, machine_facts, own_facts
from sirev.errors import BadInput, StageFailed
from sirev.execution.failures import FailedSegment, failure_before, failure_line, failure_text
from sirev.execution.segments import Segment
from sirev.extras import install_command
from sirev.processes.termination import SAVING_SECONDS, terminable, terminated_status

# Read when Ray is imported. By default it would report its use, change the process's children, and give its workers low priority.
_QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_DEDUP_LOGS": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_worker_niceness": "0",
}
_KNOCK = 10.0
"""Timeout of a connection to a cluster's address, in seconds."""
_LOST = 20.0
"""Seconds without an answer after which the head of a cluster counts as gone."""
_PATIENCE = 180.0
"""Timeout of the nodes' first answer, in seconds; a busy node imports sirev from a slow disk."""


class HeadLost(StageFailed):
    """The head of a cluster is gone, and all its running work with it."""


def compute_on_ray(made: GridSweep, todo: Sequence[Segment], retries: int, told: SegmentTold) -> Mapping[str, FailedSegment]:
    """Compute segments, parents first; return segment -> why it, or one that it depends on, failed.

    Raises BadInput, with nothing begun, if the cluster lacks a required GPU, has another version of Python or sirev, or does not
    share the store (with `push`, the shared store).
    """
    if find_spec("ray") is None:
        raise BadInput(f"--on ray: Ray is not installed: {install_command('ray')}")
    # The inner one replaces Ray's handler, the outer one restores sirev's.
    with terminable(), _cluster() as ray, terminable():
        facts = _check_nodes(ray, made)
        gpus = int(ray.cluster_resources().get("GPU", 0))
        if not gpus and any(map(made.requires_gpu, todo)):
            raise BadInput("--on ray: the cluster has no GPU, and the recipes require one")
        _check_machine(ray, made, gpus)
        return _computed(ray, made, facts, todo, retries, gpus, told)


@contextmanager
def _cluster() -> Iterator[Any]:
    """A context with Ray connected to the cluster at RAY_ADDRESS, else to one on this machine that ends with the context."""
    # Otherwise Ray would store a token in a file, and print about it. It keeps the first token of a process.
    token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    own = {} if os.environ.get("RAY_ADDRESS") else token
    os.environ.update({name: value for name, value in {**_QUIET, **own}.items() if name not in os.environ})
    import ray

    if ray.is_initialized():  # the user's own session
        yield ray
        return
    try:
        if address := os.environ.get("RAY_ADDRESS"):
            _knock(address)
            ray.init(log_to_driver=False, configure_logging=False)
        else:
            ray.init("local", include_dashboard=False, log_to_driver=False, configure_logging=False)
    except Exception as error:  # ConnectionError, and many types of Ray's
        raise BadInput(f"--on ray: no cluster: {' '.join(str(error).split())[:200]}") from None
    try:
        yield ray
    finally:
        ray.shutdown()


def _knock(address: str) -> None:
    """Raise OSError if nothing listens at HOST:PORT: Ray would retry for minutes, and then end the process."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host.strip("[]"), int(port)), timeout=_KNOCK).close()


def _on_node(node: str) -> Any:
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    return NodeAffinitySchedulingStrategy(node_id=node, soft=False)


def _check_nodes(ray: Any, made: GridSweep) -> MachineFacts:
    """The facts of this machine; BadInput if a node's facts don't match them."""
    made.store.create()
    sent = SentSweep.of(made)
    ours = own_facts(sent, "--on ray")
    ask = ray.remote(machine_facts)
    answers = []
    for node in (one for one in ray.nodes() if one["Alive"]):
        answer = ask.options(num_cpus=0, scheduling_strategy=_on_node(node["NodeID"])).remote(sent, try_writing=True)
        answers.append((node["NodeManagerHostname"], answer))
    for name, answer in answers:
        try:
            found = ray.get(answer, timeout=_PATIENCE)
        except Exception as error:
            raise BadInput(f"--on ray: node {name} can't run sirev: {failure_line(_cause(error))}") from None
        if why := found.lacks(ours, sent):
            raise BadInput(f"--on ray: node {name} {why}")
    return ours


def _check_machine(ray: Any, made: GridSweep, gpus: int) -> None:
    """Raise BadInput if a worker can't compute the grid, as far as that is known in advance."""
    asked = ray.remote(max_calls=1)(check_machine).options(num_cpus=1, num_gpus=1 if gpus else 0)
    try:
        ray.get(asked.remote(SentSweep.of(made)))
    except Exception as error:
        raise BadInput("\n".join(f"--on ray: {line}" for line in failure_text(_cause(error)).splitlines())) from None


def _computed(
    ray: Any, made: GridSweep, facts: MachineFacts, todo: Sequence[Segment], retries: int, gpus: int, told: SegmentTold
) -> Mapping[str, FailedSegment]:
    work = ray.remote(max_calls=1)(compute_segment)
    board = ray.remote(num_cpus=0)(Board).options(scheduling_strategy=_on_node(ray.get_runtime_context().get_node_id())).remote()
    sent = SentSweep.of(made)
    waiting: dict[Any, Segment] = {}
    refs: dict[str, Any] = {}
    for segment in todo:
        on_gpu = gpus > 0 and segment.needs_gpu
        parents = [refs[parent] for parent in sorted(segment.parents) if parent in refs]
        begun = work.options(
            name=f"{segment.leader} {segment.id}",
            num_cpus=1,
            num_gpus=1 if on_gpu else 0,
            max_retries=retries,
        ).remote(sent, facts, segment, board, *parents)
        refs[segment.id] = begun
        waiting[begun] = segment
    failed: dict[str, FailedSegment] = {}
    try:
        return _ended(ray, board, waiting, failed, told)
    except HeadLost:
        raise
    except BaseException:  # in the user's own session, tasks would continue
        if terminated_status() is not None:
            with suppress(Exception):  # Ray's errors must not hide the original one
                _save(ray, board, waiting)
        for ref in waiting:
            ray.cancel(ref, force=True)
        raise


def _save(ray: Any, board: Any, waiting: Mapping[Any, Segment]) -> None:
    """Ask the trainings of all tasks to save their state, and wait until the tasks have ended."""
    ray.get(board.close.remote(), timeout=BOARD_SECONDS)
    ray.wait(list(waiting), num_returns=len(waiting), timeout=SAVING_SECONDS)


class _Head:
    """Watch on a cluster's head: a minute after its loss, Ray would end the whole process without a message of sirev's."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._seen = time.monotonic()

    def check(self) -> None:
        """Raise HeadLost if it has not answered for `_LOST` seconds."""
        try:
            _knock(self._address)
            self._seen = time.monotonic()
        except OSError:
            if time.monotonic() - self._seen > _LOST:
                raise HeadLost(
                    f"--on ray: the head of the cluster, {self._address}, is gone; the same command continues"
                ) from None


def _ended(
    ray: Any, board: Any, waiting: dict[Any, Segment], failed: dict[str, FailedSegment], told: SegmentTold
) -> Mapping[str, FailedSegment]:
    """Wait for all tasks, and report where each began and how it ended; return the failures."""
    by_id = {segment.id: segment for segment in waiting.values()}
    asked = os.environ.get("RAY_ADDRESS", "")  # possibly a forwarded port, if the head's own address can't be reached
    head = _Head(asked if ":" in asked else ray.get_runtime_context().gcs_address)
    while waiting:
        ended, _ = ray.wait(list(waiting), num_returns=1, timeout=BOARD_SECONDS)
        head.check()
        with suppress(ray.exceptions.RayError):  # without the board, only its news is lost
            for segment, host in ray.get(board.news.remote(), timeout=_PATIENCE):
                if by_id[segment] in waiting.values():
                    told(by_id[segment], "running", host)
        for ready in ended:
            segment = waiting.pop(ready)
            try:
                ray.get(ready)
                told(segment, "done", "")
            except Exception as error:
                before = failure_before(segment, failed)
                failed[segment.id] = before or FailedSegment.of(segment, _cause(error))
                told(segment, "left" if before else "failed", str(before) if before else failed[segment.id].reason)
    return failed


def _cause(error: Exception) -> BaseException:
    """The error within a task, without Ray's wrapper."""
    return getattr(error, "cause", None) or error
