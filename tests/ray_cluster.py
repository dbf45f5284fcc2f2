"""A Ray cluster of several nodes on this machine, each started by `ray start` in its own session."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers import free_port

_RAY = Path(sys.executable).with_name("ray")


class Cluster:
    """A cluster of nodes with one processor each; `environment` has its RAY_ADDRESS."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.environment = {
            "RAY_ADDRESS": self.address,
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": "0" * 64,
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_worker_niceness": "0",
        }
        self._folder = folder
        self._nodes: list[subprocess.Popen[bytes]] = []

    def head(self, **environment: str) -> subprocess.Popen[bytes]:
        """Start a head, possibly after an earlier one was killed; its workers also have the variables `environment`."""
        # The folder of sockets, whose paths have at most 107 characters.
        place = ["--temp-dir", str(self._folder)]
        return self._start("--head", "--port", str(self.port), "--include-dashboard", "false", *place, **environment)

    def node(self, **environment: str) -> subprocess.Popen[bytes]:
        """Start a further node."""
        return self._start("--address", self.address, **environment)

    def _start(self, *options: str, **environment: str) -> subprocess.Popen[bytes]:
        log = (self._folder.parent / f"{self._folder.name}-{len(self._nodes)}.log").open("wb")
        call = [str(_RAY), "start", "--block", "--num-cpus", "1", "--object-store-memory", "100000000", *options]
        call_environment = {**os.environ, **self.environment, **environment}
        node = subprocess.Popen(call, stdout=log, stderr=subprocess.STDOUT, env=call_environment, start_new_session=True)
        log.close()
        self._nodes.append(node)
        return node

    def kill(self, node: subprocess.Popen[bytes]) -> None:
        """Kill all processes of a node at once."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(node.pid, signal.SIGKILL)
        node.wait()

    def await_nodes(self, count: int) -> None:
        """Wait until `count` nodes have joined."""
        ask = "import ray; ray.init(log_to_driver=False); print(sum(node['Alive'] for node in ray.nodes()))"
        for _ in range(60):
            call = [sys.executable, "-c", ask]
            told = subprocess.run(call, capture_output=True, text=True, env={**os.environ, **self.environment}, check=False)
            if told.stdout.strip() == str(count):
                return
            time.sleep(1)
        pytest.fail(f"no {count} nodes: {told.stderr[-2000:]}")

    def close(self) -> None:
        """Kill all nodes."""
        for node in self._nodes:
            self.kill(node)


@contextlib.contextmanager
def a_cluster() -> Iterator[Cluster]:
    """A context with a cluster that has no nodes yet."""
    folder = Path(tempfile.mkdtemp(prefix="ray-"))
    cluster = Cluster(folder)
    try:
        yield cluster
    finally:
        cluster.close()
        shutil.rmtree(folder, ignore_errors=True)
