"""The field's words: no public name has a word that the architecture's glossary avoids."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "components" / "plimsoll"
PAGE = ROOT / "docs" / "architecture.md"
TABLE = re.compile(r"\| not \| but \| meaning \|\n\|[-| ]+\|\n((?:\|.*\|\n)+)")
WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")

ALLOWED = {
    "features.config.FeaturesConfig.telling": "a key of the features config",
    "features.config.FeaturesConfig.telling_from": "a key of the features config",
    "serving.features.metrics.AHEAD": "a label of the server's metrics, by its value",
    "serving.online.feature_server.NOT_FOUND": "Feast's name of a status",
    "train.telemetry.events.Started.place": "a key of progress.jsonl",
}
"""A public name that keeps such a word -> why."""


def avoided_words() -> set[str]:
    """Returns the words of the glossary's left column."""
    rows = TABLE.search(PAGE.read_text("utf-8"))[1].splitlines()
    return {word.strip() for row in rows for word in row.split("|")[1].split(",")}


def words_of(name: str) -> set[str]:
    """Returns the words that a name is put together from, in small letters."""
    return {word.lower() for word in WORD.findall(name)}


def _parameters(node: ast.FunctionDef) -> Iterator[str]:
    arguments = node.args
    listed = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    for argument in [*listed, arguments.vararg, arguments.kwarg]:
        if argument:
            yield argument.arg


def public_names(body: list[ast.stmt], owner: str) -> Iterator[str]:
    """Yields the public names of a module or a class, each below its owner's.

    Functions, classes, methods, parameters, fields and constants.
    """
    for node in body:
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                if not name.startswith("_") or name == "__init__":
                    yield f"{owner}.{name}"
                    for parameter in _parameters(node):
                        yield f"{owner}.{name}({parameter})"
            case ast.ClassDef(name=name) if not name.startswith("_"):
                yield f"{owner}.{name}"
                yield from public_names(node.body, f"{owner}.{name}")
            case ast.AnnAssign(target=ast.Name(id=name)) if not name.startswith("_"):
                yield f"{owner}.{name}"
            case ast.Assign(targets=targets):
                for target in targets:
                    for item in ast.walk(target):
                        if isinstance(item, ast.Name) and not item.id.startswith("_"):
                            yield f"{owner}.{item.id}"
            case ast.If(body=inner):
                yield from public_names(inner, owner)


def all_public_names(package: Path) -> Iterator[str]:
    """Yields the public names of every module of a package, and the modules' own."""
    for path in sorted(package.rglob("*.py")):
        module = ".".join(path.relative_to(package).with_suffix("").parts)
        yield module
        yield from public_names(ast.parse(path.read_text("utf-8")).body, module)


def last_part(name: str) -> str:
    """Returns the part of a full name that is its own, without its owners."""
    return re.split(r"[.(]", name.rstrip(")"))[-1]


@pytest.fixture(scope="module")
def offending() -> dict[str, set[str]]:
    """Each public name with a word to be avoided, and the words."""
    avoided = avoided_words()
    names = {name: words_of(last_part(name)) & avoided for name in all_public_names(PACKAGE)}
    return {name: words for name, words in names.items() if words}


def test_no_public_name_has_a_word_that_the_glossary_avoids(offending):
    named = {name: sorted(words) for name, words in offending.items() if name not in ALLOWED}
    lines = [f"  {name}: {', '.join(words)}" for name, words in sorted(named.items())]
    assert not lines, "names with words that docs/architecture.md avoids:\n" + "\n".join(lines)


def test_what_is_allowed_is_there(offending):
    assert [name for name in ALLOWED if name not in offending] == []


def test_names_are_taken_apart():
    assert words_of("PlacesOfHTTPRequest_seen2") == {"places", "of", "http", "request", "seen", "2"}
    body = ast.parse(
        "class Told:\n    moment: int\n    def tell(self, *asked): ...\n"
        "def _found(seen): ...\nPLACE, _PULSE = 1, 2"
    ).body
    assert [last_part(name) for name in public_names(body, "m")] == [
        *("Told", "moment", "tell", "self", "asked", "PLACE"),
    ]
