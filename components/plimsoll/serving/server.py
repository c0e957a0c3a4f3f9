"""Serves one package over HTTP until it is told to stop."""

from __future__ import annotations

import asyncio
import errno
import json
import logging
import shlex
import signal
import socket
import sys
import warnings
from collections.abc import Callable, Collection
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

from plimsoll.errors import PlimsollError, UsageError
from plimsoll.formats.package import Package, open_package
from plimsoll.serving.config import ServerConfig
from plimsoll.serving.features.served_features import ServedFeatures
from plimsoll.serving.model.location import package_folder

if TYPE_CHECKING:
    import uvicorn

    from plimsoll.serving.model.model import PackageModel

STARTED_CHECK_SECONDS = 0.01
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def serve(model_dir: Path, config: ServerConfig) -> None:
    """Serves the package that a folder means, until SIGINT or SIGTERM.

    The package is verified and the port taken before anything heavy is imported, so that a
    refusal comes at once.

    Args:
        model_dir: A package, a pushed model's folder, or a folder that holds one of these.
        config: How to listen.

    Raises:
        UsageError: if the folder means no package, or the address does not exist.
        ArtifactError: if the package is damaged.
        PlimsollError: if the port is taken.
    """
    for number in STOP_SIGNALS:
        signal.signal(number, _stop)
    package = open_package(package_folder(model_dir))
    features = ServedFeatures(package, config)
    with _listening(config) as listener:
        model = _loaded(package, config, features)
        address = _url(config, listener.getsockname()[1], model.name)
        _run(model, config, listener, lambda: _announce(package, address, features))
    features.close()


def example(package: Package, url: str, left_out: Collection[str] = ()) -> str:
    """Returns a curl line that asks a server for one row of the package's warm-up.

    Args:
        package: The package.
        url: Where the model answers.
        left_out: Columns that the server looks up itself.
    """
    instances, _ = package.warmup()
    rows = [
        {name: value for name, value in row.items() if name not in left_out}
        for row in instances[:1]
    ]
    body = json.dumps({"instances": rows}, ensure_ascii=False)
    return f"curl -s {shlex.quote(url)} -H 'Content-Type: application/json' -d {shlex.quote(body)}"


def _run(
    model: PackageModel, config: ServerConfig, listener: socket.socket, ready: Callable[[], None]
) -> None:
    import uvicorn

    rest = _http_server(model, config)
    rest.create_application()
    server = uvicorn.Server(rest.config)
    with asyncio.Runner(loop_factory=rest.config.get_loop_factory()) as runner:
        runner.run(_until_stopped(server, listener, ready))


async def _until_stopped(
    server: uvicorn.Server, listener: socket.socket, ready: Callable[[], None]
) -> None:
    serving = asyncio.ensure_future(server.serve(sockets=[listener]))
    while not server.started and not serving.done():
        await asyncio.sleep(STARTED_CHECK_SECONDS)
    if server.started:
        ready()
    await serving


def _loaded(package: Package, config: ServerConfig, features: ServedFeatures) -> PackageModel:
    # KServe parses the command line when it is imported, and knows nothing of ours.
    arguments, sys.argv = sys.argv, sys.argv[:1]
    try:
        from plimsoll.serving.model.model import PackageModel
        from plimsoll.serving.model.predictor import Predictor
    finally:
        sys.argv = arguments
    predictor = Predictor(package)
    instances, _ = package.warmup()
    if instances:
        predictor.predict_rows(instances)
    return PackageModel(predictor, config, features.lookup)


def _http_server(model: PackageModel, config: ServerConfig):  # type: ignore[no-untyped-def]
    import kserve

    from plimsoll.serving.http.protocol import FixedRepository, HttpServer, RequestDecoder

    _quiet()
    server = kserve.ModelServer(enable_grpc=False, enable_latency_logging=False, workers=1)
    server.register_model(model)
    rest = HttpServer(
        "kserve.model_server:app",
        RequestDecoder(server.registered_models),
        FixedRepository(server.registered_models),
        config.port,
        grace_period=config.drain_seconds,
    )
    rest.max_bytes = config.max_bytes
    rest.config.access_log = False
    return rest


def _quiet() -> None:
    """Keeps warnings and errors, on stderr, and neither a line a request nor one a start."""
    import kserve.logging

    kserve.logging.configure_logging()
    for name in ("kserve", "kserve.trace", "uvicorn", "uvicorn.error"):
        logging.getLogger(name).setLevel(logging.WARNING)
    access = logging.getLogger("uvicorn.access")
    access.handlers, access.propagate = [], False
    # KServe's own use of FastAPI, which nobody who reads this log can change.
    warnings.filterwarnings("ignore", message="ORJSONResponse is deprecated")


def _listening(config: ServerConfig) -> socket.socket:
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((config.host, config.port))
        # At once, so that a second server on this port is refused while this one still loads.
        listener.listen()
    except OSError as error:
        listener.close()
        raise _not_listening(config, error) from error
    return listener


def _not_listening(config: ServerConfig, error: OSError) -> PlimsollError:
    where = f"{config.host}:{config.port}"
    if error.errno == errno.EADDRINUSE:
        return PlimsollError(
            f"the port {config.port} is taken",
            cause=f"another program listens on {where}",
            hint=f"give another: --port {config.port % 65535 + 1}, or --port 0 for any free one",
        )
    if error.errno == errno.EACCES:
        return PlimsollError(
            f"the port {config.port} may not be used by this user",
            cause=str(error),
            hint="give one above 1023: --port 8080",
        )
    return UsageError(
        f"the server cannot listen on {where}",
        cause=str(error),
        hint="give an address of this machine: --host 127.0.0.1, or --host 0.0.0.0 for all",
    )


def _url(config: ServerConfig, port: int, name: str) -> str:
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(config.host, config.host)  # noqa: S104
    return f"http://{host}:{port}/v1/models/{name}:predict"


def _announce(package: Package, url: str, features: ServedFeatures) -> None:
    lines = [
        f"{package.name} {package.version} answers at {url}",
        example(package, url, features.columns),
    ]
    sys.stdout.write("\n".join([*lines, *features.startup_lines()]) + "\n")
    sys.stdout.flush()


def _stop(_number: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(0)
