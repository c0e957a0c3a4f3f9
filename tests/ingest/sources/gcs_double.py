"""Cloud Storage over real sockets: an emulator, and before it a proxy that keeps and breaks rules.

The emulator takes no notice of generations, preconditions and pages; the proxy keeps those rules
as the service does. It also breaks connections, answers with errors, and changes objects between
two requests, where a test asks for it.
"""

import http.client
import json
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, quote, unquote, urlsplit

from gcp_storage_emulator.server import create_server

BUCKET = "line"
JSON_PART = b"Content-Type: application/json"
DATA_PART = b"Content-Type: text/csv"


@dataclass
class Fault:
    """What the proxy does to one request whose method and target hold ``match``."""

    match: str
    status: int = 0
    """Answer with this instead of asking the emulator."""
    cut: bool = False
    """Send half of the body and close the connection."""
    short: bool = False
    """Send half of the body, and say that this is all of it."""
    damage: bool = False
    """Change a byte of the body."""
    before: Callable[[], None] | None = None
    """Done before the emulator is asked."""
    times: int = 1


@dataclass
class Bucket:
    """A bucket that tests fill and break."""

    port: int
    faults: list[Fault] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    page: int = 1000
    names: dict[str, str] = field(default_factory=dict)
    """What the emulator calls an object -> its name."""
    wipe: Callable[[], None] = field(default=lambda: None)

    def reset(self) -> None:
        """Empties the bucket and mends what was broken."""
        self.wipe()
        self.faults.clear()
        self.requests.clear()
        self.names.clear()
        self.page = 1000

    def kept_as(self, name: str) -> str:
        """Returns the name that the emulator, which refuses some, knows an object by."""
        odd = any(part in ("", ".", "..") for part in name.split("/"))
        alias = f"alias-{name.encode().hex()}" if odd else name
        self.names[alias] = name
        return alias

    def ask(
        self, method: str, target: str, body: bytes = b"", kind: str = "text/plain"
    ) -> tuple[int, bytes]:
        """Asks the emulator itself."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(method, target, body, {"Content-Type": kind})
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def put(self, name: str, content: bytes | str) -> int:
        """Writes an object; returns its generation."""
        data = content.encode() if isinstance(content, str) else content
        meta = json.dumps({"name": self.kept_as(name)}).encode()
        body = b"\r\n".join(
            (b"--part", JSON_PART, b"", meta, b"--part", DATA_PART, b"", data, b"--part--")
        )
        target = f"/upload/storage/v1/b/{BUCKET}/o?uploadType=multipart"
        status, body = self.ask("POST", target, body, "multipart/related; boundary=part")
        assert status == 200, body
        return int(json.loads(body)["generation"])

    def delete(self, name: str) -> None:
        """Deletes an object."""
        self.ask("DELETE", _known(self, f"/storage/v1/b/{BUCKET}/o/{quote(name, safe='')}"))

    def generation(self, name: str) -> str:
        """Returns an object's generation, or nothing."""
        target = f"/storage/v1/b/{BUCKET}/o/{quote(name, safe='')}"
        status, body = self.ask("GET", _known(self, target))
        return str(json.loads(body)["generation"]) if status == 200 else ""

    def asked(self, match: str) -> int:
        """Returns how many requests held ``match``."""
        return sum(match in request for request in self.requests)

    def fault(self, request: str) -> Fault | None:
        """Takes the first fault for a request."""
        for fault in self.faults:
            if fault.match in request and fault.times:
                fault.times -= 1
                return fault
        return None


@contextmanager
def running() -> Iterator[tuple[Bucket, str]]:
    """Runs an emulator and its proxy; yields the bucket and the proxy's address."""
    bucket = Bucket(port=_free_port())
    emulator = create_server("127.0.0.1", bucket.port, in_memory=True, default_bucket=BUCKET)
    emulator.start()
    bucket.wipe = lambda: emulator.wipe(keep_buckets=True)
    proxy = ThreadingHTTPServer(("127.0.0.1", 0), _handler(bucket))
    proxy.daemon_threads = True
    thread = threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield bucket, f"http://127.0.0.1:{proxy.server_address[1]}"
    finally:
        proxy.shutdown()
        thread.join()
        proxy.server_close()
        emulator.stop()


def _handler(bucket: Bucket) -> type[BaseHTTPRequestHandler]:
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            self._forward("GET")

        def do_POST(self):
            self._forward("POST")

        def log_message(self, *_):
            pass

        def _forward(self, method):
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            with lock:
                request = f"{method} {self.path} {self.headers.get('Range', '')}"
                bucket.requests.append(request)
                fault = bucket.fault(request) or Fault("")
                if fault.before:
                    fault.before()
                if fault.status:
                    status, headers, content = fault.status, {}, _error(fault.status)
                else:
                    status, headers, content = self._answer(method, body)
            self._send(status, headers, content, fault)

        def _answer(self, method, body):
            parts = urlsplit(self.path)
            query = {key: values[0] for key, values in parse_qs(parts.query).items()}
            uploaded = re.search(rb'"name": *"([^"]+)"', body)
            written = uploaded[1].decode() if uploaded else ""
            refused = _broken_rule(bucket, parts.path, query, written)
            if refused:
                return refused, {}, _error(refused)
            is_list = parts.path.endswith(f"/b/{BUCKET}/o") and method == "GET"
            target = parts.path if is_list else _known(bucket, self.path)
            status, headers, content = self._emulated(method, target, body)
            if is_list and status == 200:
                content = _paged(bucket, json.loads(content), query)
            return status, headers, content

        def _emulated(self, method, target, body):
            connection = http.client.HTTPConnection("127.0.0.1", bucket.port, timeout=20)
            try:
                # The emulator's own server does not keep a connection.
                kept = {key: value for key, value in self.headers.items() if key != "Connection"}
                connection.request(method, target, body, kept)
                response = connection.getresponse()
                kept = {
                    key: value
                    for key, value in response.getheaders()
                    if key.lower() in ("content-type", "content-range", "x-goog-hash", "location")
                }
                return response.status, kept, response.read()
            finally:
                connection.close()

        def _send(self, status, headers, content, fault):
            if fault.damage:
                content = bytes([content[0] ^ 1]) + content[1:]
            half = content[: len(content) // 2]
            if fault.short:
                content = half
            self.send_response(status)
            for key, value in headers.items():
                self.send_header(key, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(half if fault.cut else content)
            if fault.cut:
                self.wfile.flush()
                self.connection.shutdown(socket.SHUT_RDWR)
                self.close_connection = True

    return Handler


def _known(bucket: Bucket, target: str) -> str:
    """Returns a target with the name that the emulator knows an object by."""
    path, mark, query = target.partition("?")
    start, found, name = path.partition("/o/")
    if not found:
        return target
    return f"{start}/o/{quote(bucket.kept_as(unquote(name)), safe='')}{mark}{query}"


def _broken_rule(bucket: Bucket, path: str, query: dict[str, str], written: str) -> int:
    """Returns the status that the service refuses a request with, or 0."""
    name = re.search(r"/o/([^/?]+)$", path)
    wanted = query.get("generation")
    if name and wanted and bucket.generation(unquote(name[1])) != wanted:
        return 404
    if query.get("ifGenerationMatch") == "0" and bucket.generation(written):
        return 412
    return 0


def _paged(bucket: Bucket, listed: dict, query: dict[str, str]) -> bytes:
    start = int(query.get("pageToken", 0))
    size = min(bucket.page, int(query.get("maxResults", bucket.page)))
    items = [
        {**item, "name": bucket.names.get(item["name"], item["name"])}
        for item in listed.get("items") or []
    ]
    items = [item for item in items if item["name"].startswith(query.get("prefix", ""))]
    items.sort(key=lambda item: item["name"])
    answer = {"kind": "storage#objects", "items": items[start : start + size]}
    if start + size < len(items):
        answer["nextPageToken"] = str(start + size)
    return json.dumps(answer).encode()


def _error(status: int) -> bytes:
    message = {403: "reader@example.com does not have storage.objects.list access"}.get(
        status, http.client.responses.get(status, "")
    )
    return json.dumps(
        {"error": {"code": status, "message": message, "errors": [{"message": message}]}}
    ).encode()


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]
