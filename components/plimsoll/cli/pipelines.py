"""``plimsoll compile`` and ``plimsoll serve``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any


def add(commands: Any) -> None:
    """Adds ``compile`` and ``serve``."""
    _add_compile(commands)
    _add_serve(commands)


def _add_compile(commands: Any) -> None:
    compiling = commands.add_parser("compile", help="compile pipelines to YAML")
    compiling.add_argument(
        "pipelines",
        nargs="*",
        metavar="FILE.py[:FUNCTION]",
        help="default: every pipeline of the checkout",
    )
    compiling.add_argument("--to", metavar="DIR", help="default: pipelines/compiled")
    compiling.add_argument(
        "--images", metavar="FILE", help="JSON of role -> image reference by digest"
    )
    compiling.set_defaults(call=_compile)


def _add_serve(commands: Any) -> None:
    serve = commands.add_parser("serve", help="answer requests from a pushed model")
    serve.add_argument("model_dir", metavar="MODEL_DIR", help="a pushed model or a package")
    serve.add_argument("--port", type=int, default=8080, help="default: 8080")
    serve.add_argument("--host", default="127.0.0.1", help="default: 127.0.0.1")
    serve.add_argument(
        "--features",
        metavar="WHERE",
        default="",
        help="where features are looked up: a Feast repository, sqlite:PATH, redis://HOST:PORT/DB "
        "or http://HOST:PORT of a feature server; with a password rather in PLIMSOLL_FEATURES",
    )
    serve.add_argument(
        "--features-timeout-ms",
        type=float,
        metavar="MS",
        help="milliseconds for the look-up of a request, or of each 500 keys of it; default: 50",
    )
    serve.add_argument(
        "--features-fallback",
        choices=("refuse", "impute"),
        help="if the store does not answer; default: refuse, with status 503",
    )
    serve.set_defaults(call=_serve)


def _compile(options: argparse.Namespace) -> int:
    from plimsoll.local import compiling

    for path in compiling.compile_all(options.pipelines, options.to, options.images):
        print(path)
    return 0


def _serve(options: argparse.Namespace) -> int:
    from plimsoll.local import serving

    told = {
        "--features-timeout-ms": options.features_timeout_ms,
        "--features-fallback": options.features_fallback,
    }
    flags = [text for flag, value in told.items() if value for text in (flag, str(value))]
    return serving.serve(
        Path(options.model_dir), options.host, options.port, options.features, flags
    )
