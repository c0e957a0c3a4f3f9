"""A model server in a process of its own, that ends with the block that started it."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from types import FrameType
from typing import NoReturn
from urllib.parse import quote

import plimsoll
from plimsoll.errors import PlimsollError

HOST = "127.0.0.1"
LOOK_SECONDS = 0.05
REQUEST_SECONDS = 60
STOP_SECONDS = 10
LAST_LINES = 20
COMMAND = (sys.executable, "-P", "-m", "plimsoll.serving")
_ADDRESS = re.compile(r"http://[^\s:/]+:(\d+)/")


class ServerError(PlimsollError):
    """The server did not come up, or did not answer as a server should."""


@dataclass(frozen=True, kw_only=True)
class Server:
    """A server that is ready."""

    port: int
    """Where it listens, on 127.0.0.1."""
    start_seconds: float
    """From starting the process to the model being ready."""

    def send(self, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
        """Sends one request on a connection of its own.

        Returns:
            The status and the body of the answer.

        Raises:
            ServerError: if the connection fails or the answer is not HTTP.
        """
        connection = HTTPConnection(HOST, self.port, timeout=REQUEST_SECONDS)
        headers = {"Content-Type": "application/json"} if body else {}
        try:
            connection.request(method, path, body=body or None, headers=headers)
            response = connection.getresponse()
            return response.status, response.read()
        except (OSError, HTTPException) as error:
            raise ServerError(
                f"the server did not answer {method} {path}",
                cause=f"{type(error).__name__}: {error}",
            ) from error
        finally:
            connection.close()


@contextmanager
def running_server(
    package: Path, name: str, log: Path, *, ready_seconds: float, command: Sequence[str] = COMMAND
) -> Iterator[Server]:
    """Starts a server, waits until its model is ready, and stops it when the block ends.

    It is stopped too when this process is told to stop, and on Linux even when it is killed.

    Args:
        package: The model package.
        name: The model's name.
        log: File for all that the server writes.
        ready_seconds: How long it may take to be ready.
        command: What starts a server, without its arguments.

    Raises:
        ServerError: if it ends or is not ready in time.
    """
    arguments = [*command, "--model-dir", str(package), "--name", name, "--host", HOST]
    arguments += ["--port", "0", "--parent", str(os.getpid())]
    began = time.monotonic()
    with _stopping_on_sigterm(), log.open("wb") as stream:
        process = subprocess.Popen(
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            env=_environment(),
        )
        try:
            port = _ready(process, name, log, began + ready_seconds)
            yield Server(port=port, start_seconds=time.monotonic() - began)
        finally:
            _stop(process)


def tail(log: Path, lines: int = LAST_LINES) -> str:
    """Returns the last lines of a log."""
    try:
        return "\n".join(log.read_text("utf-8", "replace").splitlines()[-lines:])
    except OSError:
        return ""


def _ready(process: subprocess.Popen[bytes], name: str, log: Path, until: float) -> int:
    while time.monotonic() < until:
        status = process.poll()
        if status is not None:
            raise ServerError(f"the server ended with exit status {status} before it was ready")
        port = _port(log)
        if port and _is_ready(port, name):
            return port
        time.sleep(LOOK_SECONDS)
    raise ServerError("the server was not ready in time")


def _port(log: Path) -> int:
    match = _ADDRESS.search(log.read_text("utf-8", "replace"))
    return int(match[1]) if match else 0


def _is_ready(port: int, name: str) -> bool:
    server = Server(port=port, start_seconds=0)
    try:
        status, _ = server.send("GET", f"/v2/models/{quote(name)}/ready")
    except ServerError:
        return False
    return status == 200


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _environment() -> dict[str, str]:
    # The same library in the server as here, wherever this one was found.
    library = str(Path(plimsoll.__file__).resolve().parent.parent)
    others = os.environ.get("PYTHONPATH", "")
    paths = [library, *(path for path in others.split(os.pathsep) if path and path != library)]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "PYTHONUNBUFFERED": "1"}


@contextmanager
def _stopping_on_sigterm() -> Iterator[None]:
    """Turns SIGTERM into an exception while the block runs, so that what it started is ended."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _exit)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _exit(number: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)
