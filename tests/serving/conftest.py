"""Servers as they run in production: a process, a port, a package."""

import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

COMMAND = [sys.executable, "-m", "plimsoll.serving"]


@dataclass
class Running:
    """A server that said it is ready."""

    process: subprocess.Popen[str]
    url: str
    curl: str
    log: Path

    def send(self, path: str, body: bytes | None, **headers: str) -> tuple[int, Any]:
        """Returns the status and the JSON of the answer; GET without a body."""
        headers = {"Content-Type": "application/json"} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        request = urllib.request.Request(self.url + path, data=body, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                return response.status, json.loads(response.read())
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())

    def ask(self, instances: Any, name: str = "arrived_late") -> tuple[int, Any]:
        """Sends a v1 request."""
        body = json.dumps({"instances": instances}).encode()
        return self.send(f"/v1/models/{name}:predict", body)


@contextmanager
def serving(model_dir: Path, log: Path, *options: str) -> Iterator[Running]:
    """Starts a server on a free port and ends it."""
    with log.open("w") as errors:
        command = [*COMMAND, "--model-dir", str(model_dir), "--port", "0", *options]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True)
        try:
            first = process.stdout.readline()
            assert " answers at http://" in first, first + log.read_text()
            url = first.split(" answers at ")[1].split("/v1/")[0]
            yield Running(process, url, process.stdout.readline(), log)
        finally:
            process.terminate()
            process.wait(30)
            process.stdout.close()


@pytest.fixture(scope="session")
def packages(tmp_path_factory) -> dict[str, Path]:
    """One package a task."""
    from serving.made_package import make_package

    folder = tmp_path_factory.mktemp("packages")
    return {
        task: make_package(folder, task=task).folder
        for task in ("binary", "multiclass", "regression")
    }


@pytest.fixture(scope="session")
def servers(packages, tmp_path_factory) -> Iterator[dict[str, Running]]:
    """One server a task; the binary one takes 5 rows and 100,000 bytes at most."""
    logs = tmp_path_factory.mktemp("logs")
    few = ("--max-rows", "5", "--max-bytes", "100000")
    with (
        serving(packages["binary"], logs / "binary", *few) as binary,
        serving(packages["multiclass"], logs / "multiclass") as multiclass,
        serving(packages["regression"], logs / "regression") as regression,
    ):
        yield {"binary": binary, "multiclass": multiclass, "regression": regression}


@pytest.fixture(scope="session")
def server(servers) -> Running:
    """The binary model's server."""
    return servers["binary"]
