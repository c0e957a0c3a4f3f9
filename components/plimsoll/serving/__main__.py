"""``python -m plimsoll.serving --model-dir DIR``: serves a model package over HTTP."""

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from plimsoll.errors import PlimsollError
from plimsoll.processes import die_with_parent
from plimsoll.serving.config import ServerConfig
from plimsoll.serving.lookup_config import FALLBACKS, LookupConfig
from plimsoll.serving.online.stores import VARIABLE


def main(arguments: Sequence[str] | None = None) -> int:
    """Serves until told to stop.

    Args:
        arguments: The command line without the program; None: this process's own.

    Returns:
        The exit status: 0 stopped, 1 the package or the port would not do, 2 wrong usage.
    """
    given = _parser().parse_args(arguments)
    if given.parent and not _ends_with(given.parent):
        return 0
    # Before torch is imported: it sizes its thread pools by these.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("MKL_NUM_THREADS", "1")
    from plimsoll.serving.server import serve

    try:
        config = ServerConfig(
            host=given.host,
            port=given.port,
            name=given.name,
            max_rows=given.max_rows,
            max_bytes=given.max_bytes,
            threads=given.threads,
            features=given.features,
            lookup=LookupConfig(
                timeout_ms=given.features_timeout_ms,
                fallback=given.features_fallback,
                pause_ms=given.features_pause_ms,
            ),
        )
        serve(given.model_dir, config)
    except PlimsollError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


def _parser() -> argparse.ArgumentParser:
    usual = ServerConfig()
    parser = argparse.ArgumentParser(
        prog="python -m plimsoll.serving",
        description="Serve a model package over HTTP, KServe's v1 and v2 protocols.",
        allow_abbrev=False,
    )
    add = parser.add_argument
    add(
        "--model-dir",
        type=Path,
        required=True,
        metavar="DIR",
        help="a model package, or a folder that push wrote",
    )
    add("--host", default=usual.host, help="address to listen on (%(default)s)")
    add("--port", type=int, default=usual.port, help="0: any free one (%(default)s)")
    add("--name", default="", help="the model's name in URLs (the package's)")
    add("--max-rows", type=int, default=usual.max_rows, help="rows a request (%(default)s)")
    add("--max-bytes", type=int, default=usual.max_bytes, help="bytes a body (%(default)s)")
    add(
        "--threads", type=int, default=usual.threads, help="requests computed at once (%(default)s)"
    )
    _add_features(parser)
    add("--parent", type=int, default=0, metavar="PID", help=argparse.SUPPRESS)
    return parser


def _add_features(parser: argparse.ArgumentParser) -> None:
    add, usual = parser.add_argument, LookupConfig()
    add(
        "--features",
        # Not as a default that help would show: it may hold a password.
        default=os.environ.get(VARIABLE, ""),
        metavar="WHERE",
        help="where a model's features are looked up: a Feast repository's folder or file, "
        "sqlite:PATH, redis://[:PASSWORD@]HOST:PORT/DB, or http://HOST:PORT of a Feast feature "
        f"server (the environment variable {VARIABLE})",
    )
    add(
        "--features-timeout-ms",
        type=float,
        default=usual.timeout_ms,
        metavar="MS",
        help="milliseconds for the look-up of a request, or of each 500 keys of it (%(default)g)",
    )
    add(
        "--features-fallback",
        choices=FALLBACKS,
        default=usual.fallback,
        help="if the store does not answer: refuse with status 503, or impute (%(default)s)",
    )
    add(
        "--features-pause-ms",
        type=float,
        default=usual.pause_ms,
        metavar="MS",
        help="milliseconds after a failure in which the store is not asked (%(default)g)",
    )


def _ends_with(parent: int) -> bool:
    """Has the kernel stop this process when its parent ends, however it ends.

    Returns:
        False if the parent has ended already.
    """
    die_with_parent(signal.SIGTERM)
    return os.getppid() == parent


if __name__ == "__main__":
    sys.exit(main())
