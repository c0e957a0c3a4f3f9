"""The rooms of the house: no imports in a circle, no folder that holds more than one takes in.

import-linter keeps who may stand on whom. It leaves out modules of one room, and takes a lazy
import or one for types alone for what it is; here each of them counts.
"""

import ast
import functools
import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "components" / "plimsoll"
MOST_FILES = 15

Graph = dict[str, dict[str, str]]
"""A module, or a room -> what it imports -> where: a file and a line."""


def _name(path: Path, root: Path) -> str:
    """Returns the dotted name of a module, without its package's; a package is its folder."""
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imported(node: ast.AST, package: str) -> list[str]:
    """Returns the dotted names that a statement imports from a package, without the package's."""
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom) and not node.level:
        names = [f"{node.module}.{alias.name}" for alias in node.names]
    else:
        return []
    return [name.removeprefix(f"{package}.") for name in names if name.startswith(f"{package}.")]


def import_graph(root: Path) -> Graph:
    """Reads every import in a package's modules: at the top, in bodies, and for types alone."""
    paths = {_name(path, root): path for path in sorted(root.rglob("*.py"))}
    graph: Graph = {name: {} for name in paths}
    for name, path in paths.items():
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            for target in _imported(node, root.name):
                # What a module holds is imported from the module.
                module = target if target in paths else target.rpartition(".")[0]
                if module != name and module in paths:
                    where = f"{path.relative_to(root.parent)}:{node.lineno}"
                    graph[name].setdefault(module, where)
    return graph


@functools.cache
def names_of(path: Path) -> set[str]:
    """Returns the names that a module holds at its top, and the modules in a package."""
    names = {child.stem for child in path.parent.iterdir()} if path.name == "__init__.py" else set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        match node:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                names.add(name)
            case ast.Name(id=name, ctx=ast.Store()):
                names.add(name)
            case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
                names |= {(alias.asname or alias.name).partition(".")[0] for alias in aliases}
    return names


def _module(name: str) -> Path:
    """Returns where a module of the library would be, or a package's own."""
    path = PACKAGE.joinpath(*name.split(".")[1:])
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def uses(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Yields a module of the library and a name in it: imported, read, or replaced by a test."""
    modules = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "plimsoll":
            for alias in node.names:
                yield node.module, alias.name
                if _module(f"{node.module}.{alias.name}").exists():
                    modules[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=ast.Name(id=owner), attr=name) if owner in modules:
                yield modules[owner], name
            case ast.Call(
                func=ast.Attribute(attr="setattr"),
                args=[ast.Name(id=owner), ast.Constant(value=name), *_],
            ) if owner in modules:
                yield modules[owner], name


def missing_names(path: Path) -> list[str]:
    """Returns what a file uses of the library's modules that is not there."""
    return sorted(
        f"{module}.{name}"
        for module, name in set(uses(ast.parse(path.read_text("utf-8"))))
        if not name.startswith("__")
        and not (_module(module).exists() and name in names_of(_module(module)))
    )


def circle(graph: Mapping[str, Iterable[str]]) -> list[str]:
    """Returns a shortest circle in a graph, its first name again at the end; or an empty list."""
    shortest: list[str] = []
    for start in graph:
        paths, known = [[start]], {start}
        for path in paths:
            for name in graph[path[-1]]:
                if name == start and not (shortest and len(shortest) <= len(path) + 1):
                    shortest = [*path, start]
                if name not in known:
                    known.add(name)
                    paths.append([*path, name])
    return shortest


def rooms(graph: Graph, package: str) -> Graph:
    """Joins a graph's modules into the rooms and the single modules right below a package."""
    prefix = f"{package}." if package else ""

    def room(module: str) -> str:
        return module.removeprefix(prefix).partition(".")[0]

    inside = [name for name in graph if name.startswith(prefix) and name]
    joined: Graph = {room(name): {} for name in inside}
    for name in inside:
        for target, where in graph[name].items():
            if target.startswith(prefix) and target and room(target) != room(name):
                joined[room(name)].setdefault(room(target), where)
    return joined


def describe(names: list[str], graph: Graph) -> str:
    """Says a circle, an import a line."""
    steps = itertools.pairwise(names)
    return "\n".join(f"  {one} imports {other} ({graph[one][other]})" for one, other in steps)


def crowded(root: Path) -> dict[str, int]:
    """Returns the folders with more files than a room takes, and how many they hold."""
    counts = Counter(path.parent.relative_to(root.parent).as_posix() for path in root.rglob("*.py"))
    return {folder: count for folder, count in sorted(counts.items()) if count > MOST_FILES}


@pytest.fixture(scope="module")
def graph() -> Graph:
    return import_graph(PACKAGE)


def test_no_modules_import_each_other_in_a_circle(graph):
    names = circle(graph)
    assert not names, "modules import each other in a circle:\n" + describe(names, graph)


def test_no_rooms_import_each_other_in_a_circle(graph):
    packages = {name.rpartition(".")[0] for name in graph}
    for package in sorted(packages):
        joined = rooms(graph, package)
        names = circle(joined)
        assert not names, f"rooms of plimsoll.{package} form a circle:\n" + describe(names, joined)


@pytest.mark.parametrize("folder", [PACKAGE, ROOT / "tests"], ids=lambda folder: folder.name)
def test_no_folder_is_crowded(folder):
    folders = crowded(folder)
    assert not folders, f"more than {MOST_FILES} files in a folder: make rooms of {folders}"


@pytest.mark.parametrize(
    "folder", ["benchmarks", "components/images", "examples", "tests", "tools"]
)
def test_what_stands_outside_uses_what_there_is(folder):
    """mypy does not read these, and some run only where a GPU or an hour is."""
    missing = {
        path.relative_to(ROOT).as_posix(): names
        for path in sorted((ROOT / folder).rglob("*.py"))
        if (names := missing_names(path))
    }
    assert missing == {}


def test_the_checks_see_lazy_imports_and_those_for_types(tmp_path):
    package = tmp_path / "house"
    files = {
        "__init__.py": "",
        "core.py": "from house.loop import train",
        "loop/__init__.py": "",
        "loop/train.py": "def train():\n    from house.data.reader import read",
        "data/__init__.py": "",
        "data/reader.py": "if TYPE_CHECKING:\n    import house.loop.state",
        "loop/state.py": "import os",
    }
    for name, text in files.items():
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text(text, "utf-8")
    graph = import_graph(package)
    assert circle(graph) == []
    joined = rooms(graph, "")
    assert describe(circle(joined), joined) == (
        "  data imports loop (house/data/reader.py:2)\n  loop imports data (house/loop/train.py:2)"
    )
    assert crowded(package) == {}
