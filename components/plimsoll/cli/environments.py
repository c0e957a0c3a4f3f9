"""``plimsoll env``: the roles' environments."""

import argparse
from typing import Any

from plimsoll.cli.options import add_actions, add_usual, answer


def add(commands: Any) -> None:
    """Adds ``env``."""
    actions = add_actions(commands, "env", "build, list and prune the roles' environments")
    build = actions.add_parser("build", help="build environments (all roles if none is named)")
    build.add_argument("roles", nargs="*", metavar="ROLE")
    build.set_defaults(call=_env_build)
    listing = actions.add_parser("list", help="list environments")
    add_usual(listing, _env_list, out=False)
    path = actions.add_parser("path", help="print a role's interpreter; build it if missing")
    path.add_argument("role", metavar="ROLE")
    path.set_defaults(call=_env_path)
    prune = actions.add_parser("prune", help="remove environments of other locks and leftovers")
    prune.set_defaults(call=_env_prune)


def _env_build(options: argparse.Namespace) -> int:
    from plimsoll.images import ROLES
    from plimsoll.local.engine import environments
    from plimsoll.local.engine.progress import building

    for role in options.roles:
        environments.environment(role)
    for role in options.roles or ROLES:
        with building(role) as announce:
            built = environments.ensure(role, announce)
        print(f"{role:<9} {built.folder}")
    return 0


def _env_list(options: argparse.Namespace) -> int:
    from plimsoll.images import ROLES
    from plimsoll.local.engine import environments

    every = [environments.environment(role) for role in ROLES]
    rows = [{"role": item.role, "ready": item.ready, "folder": str(item.folder)} for item in every]
    lines = [
        f"{row['role']:<9} {'ready' if row['ready'] else 'not built':<10} {row['folder']}"
        for row in rows
    ]
    answer(options, rows, lambda _: print("\n".join(lines)))
    return 0


def _env_path(options: argparse.Namespace) -> int:
    from plimsoll.local.engine import environments
    from plimsoll.local.engine.progress import building

    # Printed when the live line is gone: it would take the text for its own.
    with building(options.role) as announce:
        built = environments.ensure(options.role, announce)
    print(built.python)
    return 0


def _env_prune(_: argparse.Namespace) -> int:
    from plimsoll.local.engine import environments

    removed = environments.prune()
    for path in removed:
        print(f"removed {path}")
    if not removed:
        print("nothing to remove")
    return 0
