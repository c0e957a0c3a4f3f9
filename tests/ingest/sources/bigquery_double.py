"""BigQuery over real sockets: its REST API and, by gRPC, its storage reads, on made-up tables."""

import http.client
import json
import threading
from collections.abc import Callable, Iterator
from concurrent import futures
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import grpc
import pyarrow as pa
from google.cloud.bigquery_storage_v1 import types

ROOT = "/bigquery/v2/projects/linear"
REASONS = {400: "invalidQuery", 403: "accessDenied", 404: "notFound", 429: "rateLimitExceeded"}
ARROW = {"INTEGER": pa.int64(), "FLOAT": pa.float64(), "STRING": pa.string()}


@dataclass
class Table:
    """A table, a view, or what a query answered."""

    columns: dict[str, str]
    rows: list[tuple]
    kind: str = "TABLE"
    etag: str = "one"
    told: int | None = None
    """How many rows the service says there are; None: as many as there are."""


@dataclass
class Service:
    """What tests fill and break."""

    tables: dict[str, Table] = field(default_factory=dict)
    queries: dict[str, Table] = field(default_factory=dict)
    """What a query answers."""
    kinds: dict[str, str] = field(default_factory=dict)
    """Queries that are no SELECT -> what they are."""
    faults: list[tuple[str, int]] = field(default_factory=list)
    """A part of a request and the status to answer it with, once each; -1: no answer."""
    requests: list[str] = field(default_factory=list)
    jobs: dict[str, dict] = field(default_factory=dict)
    before: dict[str, Callable[[], None]] = field(default_factory=dict)
    fails: list[str] = field(default_factory=list)
    """Why a job fails, once each."""
    page: int = 2
    billed: int = 4096
    cuts: list[int] = field(default_factory=list)
    """After how many messages a storage stream breaks, once each."""
    refuses: grpc.StatusCode | None = None
    offsets: list[int] = field(default_factory=list)

    def answer(self, method: str, path: str, query: dict, body: dict) -> tuple[int, dict]:
        """Returns the status and the JSON that the service answers."""
        if path == f"{ROOT}/jobs" and method == "POST":
            return self._job(body)
        parts = path.removeprefix(f"{ROOT}/").split("/")
        if parts[0] in ("jobs", "queries"):
            job = self.jobs.get(parts[1])
            return (200, job) if job else (404, {})
        if path.endswith("/tables"):
            if parts[1] != "d":
                return 404, {}
            listed = [{"tableReference": reference(name)} for name in self.tables]
            return 200, {"tables": listed, "totalItems": len(listed)}
        table = self.tables.get(parts[3]) if len(parts) > 3 else None
        if table is None or parts[1] != "d":
            return 404, {}
        if parts[-1] == "data":
            return 200, self._page(table, query)
        return 200, resource(parts[3], table)

    def _job(self, body: dict) -> tuple[int, dict]:
        config = body["configuration"]
        text = config["query"]["query"]
        if text not in self.queries and text not in self.kinds:
            return 400, {"message": "Syntax error: Unexpected identifier at [1:1]"}
        name = body.get("jobReference", {}).get("jobId", "dry")
        answer = f"anon{len(self.jobs)}"
        if not config.get("dryRun"):
            self.tables[answer] = self.queries[text]
        config["query"]["destinationTable"] = reference(answer)
        job = {
            "kind": "bigquery#job",
            "jobReference": {"projectId": "linear", "jobId": name, "location": "US"},
            "configuration": config,
            "status": {"state": "DONE"},
            "jobComplete": True,
            "totalRows": "0",
            "schema": {"fields": []},
            "statistics": {
                "totalBytesProcessed": str(self.billed),
                "query": {
                    "statementType": self.kinds.get(text, "SELECT"),
                    "totalBytesProcessed": str(self.billed),
                    "totalBytesBilled": str(self.billed),
                    "cacheHit": False,
                    "referencedTables": [reference("flights")],
                },
            },
        }
        if not config.get("dryRun"):
            if self.fails:
                failure = {"reason": self.fails.pop(0), "message": "the job failed"}
                job["status"]["errorResult"] = failure
            self.jobs[name] = job
        return 200, job

    def _page(self, table: Table, query: dict) -> dict:
        start = int(query.get("pageToken", 0))
        rows = table.rows[start : start + self.page]
        answer = {
            "totalRows": str(len(table.rows)),
            "rows": [
                {"f": [{"v": None if value is None else str(value)} for value in row]}
                for row in rows
            ],
        }
        if start + self.page < len(table.rows):
            answer["pageToken"] = str(start + self.page)
        return answer


def reference(name: str) -> dict:
    return {"projectId": "linear", "datasetId": "d", "tableId": name}


def resource(name: str, table: Table) -> dict:
    return {
        "kind": "bigquery#table",
        "id": f"linear:d.{name}",
        "tableReference": reference(name),
        "type": table.kind,
        "etag": table.etag,
        "numRows": str(len(table.rows) if table.told is None else table.told),
        "lastModifiedTime": "1360800000000",
        "schema": {"fields": [{"name": key, "type": kind} for key, kind in table.columns.items()]},
    }


@contextmanager
def running() -> Iterator[tuple[Service, str, str]]:
    """Runs the service; yields it and the addresses of REST and of the storage reads."""
    service = Service()
    rest = ThreadingHTTPServer(("127.0.0.1", 0), _handler(service))
    rest.daemon_threads = True
    thread = threading.Thread(target=rest.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    storage = grpc.server(futures.ThreadPoolExecutor(2))
    storage.add_generic_rpc_handlers((_reads(service),))
    port = storage.add_insecure_port("127.0.0.1:0")
    storage.start()
    try:
        yield service, f"http://127.0.0.1:{rest.server_address[1]}", f"127.0.0.1:{port}"
    finally:
        storage.stop(None).wait()
        rest.shutdown()
        thread.join()
        rest.server_close()


def _handler(service: Service) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            self._answer("GET")

        def do_POST(self):
            self._answer("POST")

        def log_message(self, *_):
            pass

        def _answer(self, method):
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            request = f"{method} {self.path}"
            service.requests.append(request)
            for match, act in service.before.items():
                if match in request:
                    act()
            status, answer = self._fault(request)
            if status < 0:
                self.close_connection = True
                return
            if not status:
                parts = urlsplit(self.path)
                query = {key: values[0] for key, values in parse_qs(parts.query).items()}
                status, answer = service.answer(
                    method, parts.path, query, json.loads(body or b"{}")
                )
            if status >= 400:
                message = answer.get("message", http.client.responses[status])
                answer = {
                    "error": {
                        "code": status,
                        "message": message,
                        "errors": [
                            {"message": message, "reason": REASONS.get(status, "backendError")}
                        ],
                    }
                }
            content = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def _fault(self, request):
            for fault in service.faults:
                if fault[0] in request:
                    service.faults.remove(fault)
                    return fault[1], {}
            return 0, {}

    return Handler


def _reads(service: Service) -> grpc.GenericRpcHandler:
    def create(request, context):
        if service.refuses:
            context.abort(service.refuses, "the storage reads are not allowed")
        name = request.read_session.table.rpartition("/")[2]
        table = service.tables[name]
        schema = pa.schema([(key, ARROW[kind]) for key, kind in table.columns.items()])
        return types.ReadSession(
            name=name,
            arrow_schema=types.ArrowSchema(serialized_schema=schema.serialize().to_pybytes()),
            streams=[types.ReadStream(name=name)] if table.rows else [],
        )

    def read(request, context):
        service.offsets.append(request.offset)
        table = service.tables[request.read_stream]
        cut = service.cuts.pop(0) if service.cuts else -1
        rows = table.rows[request.offset :]
        for sent, start in enumerate(range(0, len(rows), service.page)):
            if sent == cut:
                context.abort(grpc.StatusCode.UNAVAILABLE, "cut")
            taken = rows[start : start + service.page]
            columns = [
                pa.array([row[place] for row in taken], ARROW[kind])
                for place, kind in enumerate(table.columns.values())
            ]
            batch = pa.RecordBatch.from_arrays(columns, list(table.columns))
            yield types.ReadRowsResponse(
                row_count=len(taken),
                arrow_record_batch=types.ArrowRecordBatch(
                    serialized_record_batch=batch.serialize().to_pybytes()
                ),
            )

    name = "google.cloud.bigquery.storage.v1.BigQueryRead"
    methods = {
        "CreateReadSession": grpc.unary_unary_rpc_method_handler(
            create,
            types.CreateReadSessionRequest.deserialize,
            types.ReadSession.serialize,
        ),
        "ReadRows": grpc.unary_stream_rpc_method_handler(
            read, types.ReadRowsRequest.deserialize, types.ReadRowsResponse.serialize
        ),
    }
    return grpc.method_handlers_generic_handler(name, methods)
