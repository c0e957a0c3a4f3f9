"""A real redis-server for tests: on a free port of this machine, in memory, gone with the test."""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

STARTS_WITHIN_S = 20.0
STOPS_WITHIN_S = 10.0
PR_SET_PDEATHSIG = 1
ATTEMPTS = 5


@dataclass(frozen=True)
class RedisServer:
    """A server that runs."""

    port: int
    process: subprocess.Popen[bytes]

    @property
    def connection_string(self) -> str:
        """Its address as Feast's configuration says it."""
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """Its address as a client says it."""
        return f"redis://127.0.0.1:{self.port}/0"

    def stop(self) -> None:
        """Ends the server, as a crash would; nothing of it is kept."""
        self.process.kill()
        self.process.wait(STOPS_WITHIN_S)


@contextmanager
def redis_server(*arguments: str) -> Iterator[RedisServer]:
    """Yields a server that keeps nothing on disk, and stops it at the end.

    Args:
        arguments: More of redis-server's own: ``("--requirepass", "secret")``.
    """
    program = shutil.which("redis-server")
    if program is None:
        raise FileNotFoundError("there is no redis-server on the PATH")
    with tempfile.TemporaryDirectory() as folder:
        server = _started(program, Path(folder), arguments)
        try:
            yield server
        finally:
            server.stop()


@pytest.fixture(scope="module")
def real_redis() -> Iterator[RedisServer]:
    """A server for the tests of one module; each test takes a project of its own."""
    if shutil.which("redis-server") is None and not os.environ.get("CI"):
        pytest.skip("there is no redis-server here: install the package redis-server")
    with redis_server() as server:
        yield server


def _started(program: str, folder: Path, arguments: tuple[str, ...]) -> RedisServer:
    for _ in range(ATTEMPTS):
        port = _free_port()
        command = [program, "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder)]
        quiet = ["--save", "", "--appendonly", "no", "--logfile", "log", "--daemonize", "no"]
        process = subprocess.Popen(
            [*command, *quiet, *arguments],
            stdout=subprocess.DEVNULL,
            preexec_fn=_die_with_parent,  # noqa: PLW1509
        )
        if _answers(port, process):
            return RedisServer(port, process)
        process.kill()
        process.wait(STOPS_WITHIN_S)
    log = folder / "log"
    raise RuntimeError(f"redis-server does not start: {log.read_text() if log.exists() else ''}")


def _answers(port: int, process: subprocess.Popen[bytes]) -> bool:
    until = time.monotonic() + STARTS_WITHIN_S
    while time.monotonic() < until and process.poll() is None:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
                connection.sendall(b"PING\r\n")
                # With a password it says that it wants one, which is an answer too.
                if connection.recv(64)[:1] in b"+-":
                    # Another server may have taken the port between looking and starting.
                    return process.poll() is None
        except OSError:
            time.sleep(0.02)
    return False


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def _die_with_parent() -> None:
    # A test that is killed must not leave its server behind.
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
