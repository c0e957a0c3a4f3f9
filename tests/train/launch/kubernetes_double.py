"""The Kubernetes API over real sockets, with what Kubeflow Trainer adds to it.

It keeps the rules that a client meets: names that exist are refused (409), what is not there is
404, every write has a new resourceVersion and an old one is a conflict, a job's end is final,
what is being deleted lingers, webhooks refuse what Trainer's do. A test says by a plan what the
controller does: one step each time that somebody asks for the job.
"""

import datetime
import json
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

GROUP = "trainer.kubeflow.org"
VERSION = "v1alpha1"
APIS = f"/apis/{GROUP}/{VERSION}"
NAMESPACE = "team"
TOKEN = "a-token-of-the-double"
NAME = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
FINAL = ("Complete", "Failed")


class RefusedError(Exception):
    """What the API answers instead of what was asked for."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.body = {
            "kind": "Status",
            "apiVersion": "v1",
            "status": "Failure",
            "reason": reason,
            "message": message,
            "code": status,
        }


@dataclass
class Fault:
    """What happens to the requests whose method and path hold ``match``."""

    match: str
    status: int = 503
    """0: the connection is cut."""
    hang: float = 0.0
    """Seconds of silence before the answer."""
    times: int = 1


@dataclass
class Cluster:
    """What lies in the cluster, and what its controller does."""

    jobs: dict = field(default_factory=dict)
    pods: dict = field(default_factory=dict)
    logs: dict = field(default_factory=dict)
    runtimes: dict = field(default_factory=dict)
    """Of the whole cluster, name -> object."""
    namespaced: dict = field(default_factory=dict)
    """Runtimes of the namespace."""
    plan: Callable = lambda cluster, job: iter(())
    """Called for each job that is made; advanced by each look at it."""
    validate: Callable = lambda document: []
    """Returns what the job's schema says against a document."""
    faults: list = field(default_factory=list)
    requests: list = field(default_factory=list)
    forbidden: list = field(default_factory=list)
    """Beginnings of ``METHOD path`` that the account may not ask for."""
    linger: int = 0
    """Looks for which a deleted job is still there."""
    lock: threading.RLock = field(default_factory=threading.RLock)
    version: int = 100
    events: list = field(default_factory=list)
    steps: dict = field(default_factory=dict)
    seconds: int = 0

    # What the controller does.

    def now(self) -> str:
        """Returns a time later than all before."""
        self.seconds += 1
        made = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
        return (made + datetime.timedelta(seconds=self.seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")

    def add_pods(self, name: str, nodes: int, phase: str = "Pending", **status) -> None:
        """Makes a job's pods, newer than those before."""
        for index in range(nodes):
            made = f"{name}-node-{index}-{self.version}"
            self.pods[made] = {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {
                    "name": made,
                    "namespace": NAMESPACE,
                    "creationTimestamp": self.now(),
                    "labels": {
                        "jobset.sigs.k8s.io/jobset-name": name,
                        "jobset.sigs.k8s.io/replicatedjob-name": "node",
                        "batch.kubernetes.io/job-completion-index": str(index),
                    },
                },
                "spec": {"containers": [{"name": "node", "image": "x"}]},
                "status": {"phase": phase, **status},
            }
            self.logs[made] = []

    def pods_of(self, name: str) -> list[str]:
        """Returns the names of a job's pods."""
        label = "jobset.sigs.k8s.io/jobset-name"
        return [key for key, pod in self.pods.items() if pod["metadata"]["labels"][label] == name]

    def set_phase(self, name: str, phase: str) -> None:
        """Sets the phase of all of a job's pods."""
        for pod in self.pods_of(name):
            self.pods[pod]["status"] = {"phase": phase}

    def say(self, pod: str, line: str, stamp: str = "") -> None:
        """Adds a line to a pod's log."""
        now = datetime.datetime.now(datetime.UTC)
        # As kubelets do: nanoseconds without their last zeros.
        exact = f"{now:%Y-%m-%dT%H:%M:%S}.{now.microsecond:06d}".rstrip("0") + "Z"
        self.logs[pod].append((stamp or exact, line))

    def set_condition(self, name: str, kind: str, message: str, reason: str = "Told") -> None:
        """Sets a condition; a job's end is final."""
        job = self.jobs[name]
        conditions = job.setdefault("status", {}).setdefault("conditions", [])
        ended = [item["type"] for item in conditions if item["type"] in FINAL]
        assert not ended, f"{name} is {ended[0]} already"
        conditions.append(
            {
                "type": kind,
                "status": "True",
                "reason": reason,
                "message": message,
                "lastTransitionTime": self.now(),
            }
        )
        self._written(job, "MODIFIED")

    # What the API does.

    def answer(self, method: str, path: str, query: dict, body: dict | None):
        """Answers one request: a document, or text for a log."""
        with self.lock:
            if any(f"{method} {path}".startswith(item) for item in self.forbidden):
                raise RefusedError(403, "Forbidden", f"User cannot {method.lower()} {path}")
            for pattern, call in ROUTES:
                found = re.fullmatch(pattern, f"{method} {path}")
                if found:
                    return call(self, *found.groups(), query=query, body=body)
            raise RefusedError(404, "NotFound", f"the server could not find {path}")

    def get_version(self, query, body):
        return {"major": "1", "minor": "33", "gitVersion": "v1.33.0"} | dict.fromkeys(
            ("gitCommit", "gitTreeState", "buildDate", "goVersion", "compiler", "platform"), "x"
        )

    def get_config_map(self, query, body):
        return {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "kubeflow-trainer-public"},
            "data": {"kubeflow_trainer_version": "v2.1.0"},
        }

    def list_runtimes(self, query, body):
        return self._list("ClusterTrainingRuntimeList", self.runtimes)

    def list_namespaced_runtimes(self, query, body):
        return self._list("TrainingRuntimeList", self.namespaced)

    def get_runtime(self, name, query, body):
        return self._get(self.runtimes, name, "clustertrainingruntimes")

    def get_namespaced_runtime(self, name, query, body):
        return self._get(self.namespaced, name, "trainingruntimes")

    def list_jobs(self, query, body):
        return self._list("TrainJobList", self.jobs)

    def get_job(self, name, query, body):
        self._step(name)
        return self._get(self.jobs, name, "trainjobs")

    def create_job(self, query, body):
        name = body["metadata"].get("name", "")
        if body.get("kind") != "TrainJob" or body.get("apiVersion") != f"{GROUP}/{VERSION}":
            raise RefusedError(400, "BadRequest", "the object is no TrainJob of this version")
        if body["metadata"].get("resourceVersion"):
            raise RefusedError(400, "BadRequest", "resourceVersion should not be set on objects")
        if not NAME.fullmatch(name) or len(name) > 63:
            raise RefusedError(422, "Invalid", "metadata.name must match RFC 1035 DNS label format")
        if name in self.jobs:
            raise RefusedError(409, "AlreadyExists", f'trainjobs "{name}" already exists')
        wrong = self.validate(body)
        if wrong:
            raise RefusedError(422, "Invalid", wrong[0])
        self._admit(body)
        body["metadata"] |= {
            "uid": f"uid-{self.version}",
            "namespace": NAMESPACE,
            "creationTimestamp": self.now(),
            "generation": 1,
        }
        self.jobs[name] = body
        self._written(body, "ADDED")
        self.steps[name] = self.plan(self, name)
        return body

    def replace_job(self, name, query, body):
        job = self._get(self.jobs, name, "trainjobs")
        if body["metadata"].get("resourceVersion") != job["metadata"]["resourceVersion"]:
            raise RefusedError(409, "Conflict", f'trainjobs "{name}": the object has been modified')
        if body["spec"]["trainer"] != job["spec"]["trainer"]:
            raise RefusedError(422, "Invalid", "spec.trainer: field is immutable")
        self.jobs[name] = body
        self._written(body, "MODIFIED")
        return body

    def delete_job(self, name, query, body):
        job = self._get(self.jobs, name, "trainjobs")
        if self.linger:
            job["metadata"]["deletionTimestamp"] = self.now()
            job["metadata"]["finalizers"] = ["jobset.sigs.k8s.io/finalizer"]
            self._written(job, "MODIFIED")
            return job
        self._remove(name)
        return {"kind": "Status", "status": "Success"}

    def list_pods(self, query, body):
        wanted = query.get("labelSelector", [""])[0]
        chosen = {
            key: pod
            for key, pod in self.pods.items()
            if _selected(pod["metadata"]["labels"], wanted)
        }
        return self._list("PodList", chosen)

    def read_log(self, name, query, body):
        pod = self._get(self.pods, name, "pods")
        if query.get("container") != ["node"]:
            raise RefusedError(400, "BadRequest", f"container is not valid for pod {name}")
        if pod["status"]["phase"] == "Pending":
            raise RefusedError(
                400, "BadRequest", f'container "node" in pod "{name}" is waiting to start'
            )
        lines = list(self.logs[name])
        if "sinceSeconds" in query:
            since = time.time() - int(query["sinceSeconds"][0])
            lines = [item for item in lines if _seconds(item[0]) >= since]
        if "tailLines" in query:
            lines = lines[-int(query["tailLines"][0]) :]
        told = query.get("timestamps", [""])[0].lower() == "true"
        text = "".join(f"{stamp} {line}\n" if told else f"{line}\n" for stamp, line in lines)
        return text[: int(query.get("limitBytes", ["1000000000"])[0])]

    def _admit(self, body: dict) -> None:
        """Refuses what Trainer's webhooks do."""
        reference = body["spec"]["runtimeRef"]
        known = self.namespaced if reference["kind"] == "TrainingRuntime" else self.runtimes
        if reference["name"] not in known:
            raise RefusedError(403, "Forbidden", f"runtime {reference['name']} not found")
        for patch in body["spec"].get("runtimePatches", ()):
            for job in patch["trainingRuntimeSpec"]["template"]["spec"]["replicatedJobs"]:
                for container in job["template"]["spec"]["template"]["spec"].get("containers", ()):
                    if container.get("env") and container["name"] == "node":
                        raise RefusedError(
                            422, "Invalid", "must not have envs for the node container"
                        )

    def _step(self, name: str) -> None:
        job = self.jobs.get(name)
        if job is None:
            return
        if "deletionTimestamp" in job["metadata"]:
            self.linger -= 1
            if self.linger <= 0:
                self._remove(name)
            return
        next(self.steps[name], None)

    def _remove(self, name: str) -> None:
        self._written(self.jobs.pop(name), "DELETED")
        for pod in self.pods_of(name):
            del self.pods[pod]

    def _written(self, item: dict, kind: str) -> None:
        self.version += 1
        item["metadata"]["resourceVersion"] = str(self.version)
        self.events.append((self.version, {"type": kind, "object": json.loads(json.dumps(item))}))

    def _get(self, items: dict, name: str, plural: str) -> dict:
        if name not in items:
            raise RefusedError(404, "NotFound", f'{plural} "{name}" not found')
        return items[name]

    def _list(self, kind: str, items: dict) -> dict:
        return {
            "apiVersion": f"{GROUP}/{VERSION}" if "Runtime" in kind or "Train" in kind else "v1",
            "kind": kind,
            "metadata": {"resourceVersion": str(self.version)},
            "items": list(items.values()),
        }


_IN = f"/namespaces/{NAMESPACE}"
ROUTES = (
    ("GET /version/", Cluster.get_version),
    ("GET /api/v1/namespaces/[^/]+/configmaps/kubeflow-trainer-public", Cluster.get_config_map),
    (f"GET {APIS}/clustertrainingruntimes", Cluster.list_runtimes),
    (f"GET {APIS}/clustertrainingruntimes/([^/]+)", Cluster.get_runtime),
    (f"GET {APIS}{_IN}/trainingruntimes", Cluster.list_namespaced_runtimes),
    (f"GET {APIS}{_IN}/trainingruntimes/([^/]+)", Cluster.get_namespaced_runtime),
    (f"GET {APIS}{_IN}/trainjobs", Cluster.list_jobs),
    (f"POST {APIS}{_IN}/trainjobs", Cluster.create_job),
    (f"GET {APIS}{_IN}/trainjobs/([^/]+)", Cluster.get_job),
    (f"PUT {APIS}{_IN}/trainjobs/([^/]+)", Cluster.replace_job),
    (f"DELETE {APIS}{_IN}/trainjobs/([^/]+)", Cluster.delete_job),
    (f"GET /api/v1{_IN}/pods", Cluster.list_pods),
    (f"GET /api/v1{_IN}/pods/([^/]+)/log", Cluster.read_log),
)


def runtime(name: str = "torch-distributed", kind: str = "ClusterTrainingRuntime") -> dict:
    """Returns a runtime for torch, as Trainer installs it."""
    container = {"name": "node", "image": "pytorch/pytorch:latest"}
    pods = {"spec": {"containers": [container]}}
    step = {"trainer.kubeflow.org/trainjob-ancestor-step": "trainer"}
    job = {"metadata": {"labels": step}, "spec": {"template": pods}}
    return {
        "apiVersion": f"{GROUP}/{VERSION}",
        "kind": kind,
        "metadata": {"name": name, "labels": {"trainer.kubeflow.org/framework": "torch"}},
        "spec": {
            "mlPolicy": {"numNodes": 1, "torch": {"numProcPerNode": "auto"}},
            "template": {"spec": {"replicatedJobs": [{"name": "node", "template": job}]}},
        },
    }


@contextmanager
def served(folder: Path) -> Iterator[tuple[Cluster, Path]]:
    """Serves an empty cluster with one runtime; yields it and a kubeconfig that leads to it."""
    cluster = Cluster(runtimes={"torch-distributed": runtime()})

    class Handler(_Handler):
        double = cluster

    server = _Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield cluster, write_kubeconfig(folder, f"http://127.0.0.1:{server.server_port}")
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def write_kubeconfig(folder: Path, address: str) -> Path:
    """Writes a kubeconfig for an API at an address."""
    path = folder / "kubeconfig"
    path.write_text(
        json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": "double",
                "clusters": [{"name": "double", "cluster": {"server": address}}],
                "users": [{"name": "me", "user": {"token": TOKEN}}],
                "contexts": [
                    {
                        "name": "double",
                        "context": {"cluster": "double", "user": "me", "namespace": NAMESPACE},
                    }
                ],
            }
        )
    )
    return path


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address) -> None:
        # Who asked was ended in the middle, as some tests want it.
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    double: Cluster

    def log_message(self, *_) -> None:
        pass

    def _serve(self) -> None:
        parts = urlsplit(self.path)
        query = parse_qs(parts.query)
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length)) if length else None
        line = f"{self.command} {parts.path}"
        self.double.requests.append(line)
        if self._broken(line):
            return
        try:
            if self.headers.get("Authorization") != f"Bearer {TOKEN}":
                raise RefusedError(401, "Unauthorized", "Unauthorized")
            if query.get("watch", [""])[0].lower() == "true":
                self._watch(query)
                return
            answer = self.double.answer(self.command, parts.path, query, body)
        except RefusedError as refused:
            self._send(refused.body["code"], refused.body)
            return
        self._send(201 if self.command == "POST" else 200, answer)

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_PUT(self) -> None:
        self._serve()

    def do_DELETE(self) -> None:
        self._serve()

    def _broken(self, line: str) -> bool:
        for fault in self.double.faults:
            if fault.match in line and fault.times > 0:
                fault.times -= 1
                time.sleep(fault.hang)
                if not fault.status:
                    self.close_connection = True
                    self.connection.close()
                else:
                    body = {"kind": "Status", "message": "told to fail", "code": fault.status}
                    self._send(fault.status, body)
                return True
        return False

    def _watch(self, query: dict) -> None:
        """Sends the events after a resourceVersion, and ends."""
        since = int(query.get("resourceVersion", ["0"])[0])
        with self.double.lock:
            events = [event for version, event in self.double.events if version > since]
        lines = "".join(json.dumps(event) + "\n" for event in events).encode()
        self._send_bytes(200, lines, "application/json;stream=watch")

    def _send(self, status: int, answer: dict | str) -> None:
        if isinstance(answer, str):
            self._send_bytes(status, answer.encode(), "text/plain")
        else:
            self._send_bytes(status, json.dumps(answer).encode(), "application/json")

    def _send_bytes(self, status: int, data: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        # Who asked may have given up meanwhile.
        with suppress(BrokenPipeError, ConnectionResetError):
            self.wfile.write(data)


def _selected(labels: dict, selector: str) -> bool:
    for part in re.findall(r"[^,(]+(?:\([^)]*\))?", selector):
        name, _, value = part.strip().partition("=")
        among = re.fullmatch(r"(\S+) in \((.*)\)", part.strip())
        if among:
            if labels.get(among[1]) not in [item.strip() for item in among[2].split(",")]:
                return False
        elif labels.get(name) != value:
            return False
    return True


def _seconds(stamp: str) -> float:
    head, _, fraction = stamp.rstrip("Z").partition(".")
    moment = datetime.datetime.strptime(head, "%Y-%m-%dT%H:%M:%S").replace(tzinfo=datetime.UTC)
    return moment.timestamp() + float(f"0.{fraction or 0}")
