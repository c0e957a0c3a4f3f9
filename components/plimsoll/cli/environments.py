"""``plimsoll env``: the roles' environments."""

from __future__ import annotations

import argparse
import json
from typing import Any


def add(commands: Any) -> None:
    """Adds ``env``."""
    env = commands.add_parser("env", help="build, list and prune the roles' environments")
    actions = env.add_subparsers(dest="action", required=True, metavar="ACTION")
    build = actions.add_parser("build", help="build environments (all roles if none is named)")
    build.add_argument("roles", nargs="*", metavar="ROLE")
    build.set_defaults(call=_env_build)
    listed = actions.add_parser("list", help="list environments")
    listed.add_argument("--json", action="store_true", help="print JSON")
    listed.set_defaults(call=_env_list)
    path = actions.add_parser("path", help="print a role's interpreter; build it if missing")
    path.add_argument("role", metavar="ROLE")
    path.set_defaults(call=_env_path)
    prune = actions.add_parser("prune", help="remove environments of other locks and leftovers")
    prune.set_defaults(call=_env_prune)


def _env_build(options: argparse.Namespace) -> int:
    from plimsoll.images import ROLES
    from plimsoll.local.engine import environments

    for role in options.roles:
        environments.environment(role)
    for role in options.roles or ROLES:
        with _building(role) as announce:
            found = environments.ensure(role, announce)
        print(f"{role:<9} {found.folder}")
    return 0


def _building(role: str) -> Any:
    from plimsoll.local.engine.progress import building

    return building(role)


def _env_list(options: argparse.Namespace) -> int:
    from plimsoll.images import ROLES
    from plimsoll.local.engine import environments

    found = [environments.environment(role) for role in ROLES]
    if options.json:
        rows = [
            {"role": item.role, "ready": item.ready, "folder": str(item.folder)} for item in found
        ]
        print(json.dumps(rows))
        return 0
    for item in found:
        print(f"{item.role:<9} {'ready' if item.ready else 'not built':<10} {item.folder}")
    return 0


def _env_path(options: argparse.Namespace) -> int:
    from plimsoll.local.engine import environments

    with _building(options.role) as announce:
        found = environments.ensure(options.role, announce)
    print(found.python)
    return 0


def _env_prune(_: argparse.Namespace) -> int:
    from plimsoll.local.engine import environments

    removed = environments.prune()
    for path in removed:
        print(f"removed {path}")
    if not removed:
        print("nothing to remove")
    return 0
