"""An MLflow server over real sockets, as far as a training needs one; slow or broken on request."""

import json
import threading
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

API = "/api/2.0/mlflow/"
ARTIFACTS = "/api/2.0/mlflow-artifacts/artifacts/"


@dataclass
class Server:
    """What was told."""

    address: str = ""
    password: str = ""
    """Of the user ``me``; empty: anybody may."""
    experiments: dict = field(default_factory=dict)
    runs: dict = field(default_factory=dict)
    files: dict = field(default_factory=dict)
    broken: str = ""
    """Requests whose path holds this are answered with 500."""
    silent: float = 0.0
    """Seconds before any answer."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, method: str, name: str, query: dict, body: dict) -> dict | None:
        """Answers a request, or returns None for 404."""
        with self.lock:
            call = getattr(self, name.replace("/", "_").replace("-", "_"), None)
            return call(query, body) if call else None

    def experiments_get_by_name(self, query, body):
        name = query["experiment_name"][0]
        return {"experiment": self.experiments[name]} if name in self.experiments else None

    def experiments_create(self, query, body):
        made = {
            "experiment_id": str(len(self.experiments) + 1),
            "name": body["name"],
            "lifecycle_stage": "active",
            "artifact_location": "mlflow-artifacts:/e",
        }
        self.experiments[body["name"]] = made
        return {"experiment_id": made["experiment_id"]}

    def runs_create(self, query, body):
        run = f"run{len(self.runs)}"
        self.runs[run] = {
            "info": {
                "run_id": run,
                "run_uuid": run,
                "experiment_id": body["experiment_id"],
                "run_name": body.get("run_name", ""),
                "status": "RUNNING",
                "start_time": body["start_time"],
                "lifecycle_stage": "active",
                "artifact_uri": f"mlflow-artifacts:/e/{run}",
            },
            "tags": {item["key"]: item["value"] for item in body.get("tags", ())},
            "params": {},
            "metrics": [],
        }
        return {"run": {"info": self.runs[run]["info"], "data": {}}}

    def runs_get(self, query, body):
        found = self.runs.get(query["run_id"][0])
        return {"run": {"info": found["info"], "data": {}}} if found else None

    def runs_update(self, query, body):
        if body["run_id"] not in self.runs:
            return None
        info = self.runs[body["run_id"]]["info"]
        info |= {name: body[name] for name in ("status", "end_time") if name in body}
        return {"run_info": info}

    def runs_log_parameter(self, query, body):
        self.runs[body["run_id"]]["params"][body["key"]] = body["value"]
        return {}

    def runs_log_batch(self, query, body):
        self.runs[body["run_id"]]["metrics"] += body.get("metrics", [])
        return {}

    def runs_set_tag(self, query, body):
        self.runs[body["run_id"]]["tags"][body["key"]] = body["value"]
        return {}


@contextmanager
def served() -> Iterator[Server]:
    """Serves an empty server."""
    double = Server()

    class Handler(_Handler):
        told = double

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    double.address = f"127.0.0.1:{server.server_port}"
    try:
        yield double
    finally:
        double.silent = 0.0
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    told: Server

    def log_message(self, *_) -> None:
        pass

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_PUT(self) -> None:
        self._serve()

    def _serve(self) -> None:
        parts = urlsplit(self.path)
        data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        time.sleep(self.told.silent)
        expected = f"Basic {b64encode(f'me:{self.told.password}'.encode()).decode()}"
        if self.told.password and self.headers.get("Authorization") != expected:
            self._send(401, {"error_code": "UNAUTHENTICATED", "message": "who are you?"})
        elif self.told.broken and self.told.broken in parts.path:
            self._send(500, {"error_code": "INTERNAL_ERROR", "message": "told to fail"})
        elif parts.path.startswith(ARTIFACTS):
            self.told.files[parts.path.removeprefix(ARTIFACTS)] = data
            self._send(200, {})
        else:
            body = json.loads(data) if data else {}
            name = parts.path.removeprefix(API)
            answer = self.told.answer(self.command, name, parse_qs(parts.query), body)
            missing = {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": f"no {name}"}
            self._send(*((404, missing) if answer is None else (200, answer)))

    def _send(self, status: int, answer: dict) -> None:
        data = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
