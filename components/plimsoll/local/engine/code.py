"""Which library code a step depends on, and a copy of it that no edit can change mid-run."""

import ast
import shutil
import subprocess
from functools import cache
from pathlib import Path

from plimsoll import __version__
from plimsoll.shipped import CHECKOUT, PACKAGE, folder
from plimsoll.storage.files import digest_bytes, digest_json, digest_tree, folder_written_whole

NOT_SHIPPED_TO_STEPS = ("cli", "local", "_shipped", "__pycache__")
DATA = (".css",)
"""What modules read that lies beside them."""


@cache
def sources() -> dict[str, Path]:
    """Returns name -> file for every module of the library that a step can import, and its data.

    A file of data is named by its package: ``plimsoll.pictures/page.css``.
    """
    modules = {}
    for path in sorted(PACKAGE.rglob("*")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        if parts[0] in NOT_SHIPPED_TO_STEPS or path.suffix not in (".py", *DATA):
            continue
        if path.suffix in DATA:
            modules[f"{'.'.join(('plimsoll', *parts[:-1]))}/{path.name}"] = path
            continue
        names = parts[:-1] if parts[-1] == "__init__" else parts
        modules[".".join(("plimsoll", *names))] = path
    return modules


@cache
def contents() -> dict[str, bytes]:
    """Returns the same names -> contents, read once: an edit in the middle of a run comes too late.

    What a step imports and what its cache key says must be the same text.
    """
    return {name: path.read_bytes() for name, path in sources().items()}


def reread() -> None:
    """Forgets what was read, so that a run started later in this process sees later edits."""
    for remembered in (sources, contents, digest, digest_reached_from):
        remembered.cache_clear()


@cache
def digest() -> str:
    """Returns the SHA-256 of all code and templates that a step can reach."""
    modules = {name: digest_bytes(content) for name, content in contents().items()}
    return digest_json({**modules, "templates": digest_tree(folder("serving"))})


@cache
def digest_reached_from(source: str) -> str:
    """Returns the SHA-256 of the library code that some component source can reach by imports.

    Following imports rather than hashing everything lets an edit to ``train`` leave the cached
    steps of ``ingest`` in place.
    """
    known = contents()
    waiting = _imported(ast.parse(source))
    reached: dict[str, str] = {}
    while waiting:
        name = waiting.pop()
        if name in known and name not in reached:
            reached[name] = digest_bytes(known[name])
            waiting |= _imported(ast.parse(known[name]))
    data = {name for name in known if name.partition("/")[0] in reached}
    reached |= {name: digest_bytes(known[name]) for name in data - reached.keys()}
    if "plimsoll.shipped" in reached:
        reached["templates"] = digest_tree(folder("serving"))
    return digest_json(reached)


def _imported(tree: ast.AST) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            # A module may also be named in a command line: python -m plimsoll.serving.
            names |= {node.value} if node.value.startswith("plimsoll.") else set()
    ours = {name for name in names if name.split(".")[0] == "plimsoll"}
    parents = {
        ".".join(name.split(".")[:size]) for name in ours for size in range(1, name.count(".") + 2)
    }
    return ours | parents | {f"{name}.__main__" for name in ours}


def staged(below: Path) -> Path:
    """Copies the library below ``below`` once a version of its code; returns the import root.

    Steps import this copy and nothing else of the author's environment, whose packages would
    clash with the role's own.
    """
    root = below / digest()[:16]
    if not root.is_dir():
        with folder_written_whole(root, replace=False) as aside:
            for name, content in contents().items():
                target = aside / "plimsoll" / sources()[name].relative_to(PACKAGE)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content)
            shutil.copytree(folder("serving"), aside / "plimsoll" / "_shipped" / "serving")
    return root


def describe() -> dict[str, str]:
    """Returns the library's version, the digest of its code, and git's revision where known."""
    return {"version": __version__, "digest": digest(), "revision": _revision()}


def _revision() -> str:
    git = shutil.which("git")
    if git is None or not (CHECKOUT / ".git").exists():
        return ""
    head = _git(git, "rev-parse", "HEAD")
    changed = _git(git, "status", "--porcelain", "--untracked-files=no")
    return f"{head}+changes" if head and changed else head


def _git(git: str, *arguments: str) -> str:
    answer = subprocess.run(
        [git, "-C", str(CHECKOUT), *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    return answer.stdout.strip()
