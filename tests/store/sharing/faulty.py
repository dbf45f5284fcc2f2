"""An HTTP proxy that damages answers, as networks and disks do."""

from __future__ import annotations

import http.client
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@contextmanager
def served(server: ThreadingHTTPServer) -> Iterator[None]:
    """A context in which a server answers requests, in a separate thread."""
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


class Proxy:
    """A proxy for `port` on this machine. `fault` maps a request (method, path) to the kind of damage, or None."""

    def __init__(self, port: int) -> None:
        self.fault: Callable[[str, str], str | None] = lambda method, path: None
        self.seen: list[tuple[str, str]] = []
        self.delay = 0.0
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: object) -> None:
                pass

            def serve(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                proxy.seen.append((self.command, self.path))
                time.sleep(proxy.delay)
                fault = proxy.fault(self.command, self.path)
                if fault == "lost":  # the request never arrives
                    self.connection.shutdown(socket.SHUT_RDWR)
                    self.close_connection = True
                    return
                upstream = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
                upstream.request(self.command, self.path, body, dict(self.headers))
                answer = upstream.getresponse()
                self.pass_on(answer.status, answer.getheaders(), answer.read(), fault)
                upstream.close()

            def pass_on(self, status: int, headers: list[tuple[str, str]], body: bytes, fault: str | None) -> None:
                length = len(body)
                if fault == "error":
                    status, body = 500, b"<Error><Code>InternalError</Code><Message>no luck</Message></Error>"
                elif fault == "missing":
                    status, body = 404, b"<Error><Code>NoSuchKey</Code><Message>not here</Message></Error>"
                elif fault == "denied":
                    status, body = 403, b"<Error><Code>AccessDenied</Code><Message>not you</Message></Error>"
                elif fault == "wrong" and body:
                    body = body[:-1] + bytes([body[-1] ^ 1])
                elif fault == "short":
                    body = body[: len(body) // 2]
                elif fault == "long":
                    body += b"\0" * (1 << 20)
                length = len(body) if fault != "cut" else length
                self.send_response(status)
                dropped = {"content-length", "connection", "transfer-encoding", "date", "server"}
                for name, value in headers:
                    # The server's checksums are dropped too: the bytes may have been wrong before it received them.
                    spoilt = fault and name.lower().startswith(("etag", "content-range", "x-amz-checksum"))
                    if name.lower() not in dropped and not spoilt:
                        self.send_header(name, value)
                if self.command == "HEAD":
                    length = int({name.lower(): value for name, value in headers}.get("content-length", 0))
                self.send_header("Content-Length", str(length))
                self.end_headers()
                if self.command == "HEAD":
                    return
                self.wfile.write(body[: len(body) // 2] if fault == "cut" else body)
                if fault == "cut":
                    self.wfile.flush()
                    self.connection.shutdown(socket.SHUT_RDWR)
                    self.close_connection = True

            do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = serve

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    @contextmanager
    def serving(self) -> Iterator[Proxy]:
        with served(self._server):
            yield self

    def fail(self, kind: str, where: str, times: int | None = None, method: str = "GET") -> None:
        """Damage the answers to requests with `where` in their path; only the first `times` of them, if given."""
        left = [times]
        lock = threading.Lock()

        def fault(asked: str, path: str) -> str | None:
            if asked != method or where not in path:
                return None
            with lock:
                if left[0] is not None:
                    if left[0] <= 0:
                        return None
                    left[0] -= 1
            return kind

        self.fault = fault
