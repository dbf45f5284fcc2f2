"""A store to share, and a real S3 server, moto's, as a separate process, behind a proxy that can fail on request."""

from __future__ import annotations

import importlib.util
import itertools
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from sirev.store.store import Store
from tests.servers import comes_up, free_port
from tests.store.sharing.faulty import Proxy
from tests.store.sharing.studies import add_run

COUNT = itertools.count()


@pytest.fixture(scope="session")
def s3_port() -> Iterator[int]:
    for package in ("moto", "flask", "s3fs"):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed: pip install 'sirev[s3]' 'moto[server]'")
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        assert comes_up(server, f"http://127.0.0.1:{port}/moto-api/"), "the S3 server ended"
        yield port
    finally:
        server.kill()
        server.wait()


@pytest.fixture
def proxy(s3_port: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """The proxy that serves s3:// in this test and its child processes."""
    with Proxy(s3_port).serving() as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        yield proxy


@pytest.fixture
def bucket(s3_port: int, proxy: Proxy) -> str:
    """The URL of a folder in a new bucket."""
    name = f"bucket-{next(COUNT)}"
    request = urllib.request.Request(f"http://127.0.0.1:{s3_port}/{name}", method="PUT")
    urllib.request.urlopen(request, timeout=60).close()
    return f"s3://{name}/team/store"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A store with one run."""
    store = Store(tmp_path / "first")
    add_run(store)
    return store
