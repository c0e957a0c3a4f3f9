"""``plimsoll compile`` and ``plimsoll serve``."""

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
    _add_machine(compiling)
    compiling.set_defaults(call=_compile)


def _add_machine(compiling: argparse.ArgumentParser) -> None:
    machine = compiling.add_argument_group("the machine of the steps train and tune")
    machine.add_argument(
        "--accelerator",
        metavar="KIND",
        default="",
        help="a resource of Kubernetes (nvidia.com/gpu) or a type of Vertex AI (NVIDIA_L4)",
    )
    machine.add_argument("--accelerator-count", type=int, default=1, metavar="N", help="default: 1")
    machine.add_argument(
        "--shared-memory",
        metavar="SIZE",
        help="size of /dev/shm, kept in memory; default with an accelerator: 2Gi",
    )
    machine.add_argument(
        "--node-selector",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="a label of the machines that may be taken; may be given again",
    )
    machine.add_argument(
        "--claim",
        metavar="CLAIM[:PATH]",
        default="",
        help="a PersistentVolumeClaim to mount, for the launcher trainjob; default path: "
        "/mnt/plimsoll",
    )


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
    from plimsoll.accelerators import machine_from
    from plimsoll.local.pipelines import compiling

    machine = machine_from(
        options.accelerator,
        options.accelerator_count,
        options.shared_memory,
        tuple(options.node_selector),
        options.claim,
    )
    for path in compiling.compile_all(options.pipelines, options.to, options.images, machine):
        print(path)
    return 0


def _serve(options: argparse.Namespace) -> int:
    from plimsoll.local.engine import serving

    values = {
        "--features-timeout-ms": options.features_timeout_ms,
        "--features-fallback": options.features_fallback,
    }
    flags = [text for flag, value in values.items() if value for text in (flag, str(value))]
    return serving.serve(
        Path(options.model_dir), options.host, options.port, options.features, flags
    )
