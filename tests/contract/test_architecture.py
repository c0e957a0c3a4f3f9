"""The page of the architecture: what it names is there, and what is there it names."""

import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "components" / "plimsoll"
PAGE = (ROOT / "docs" / "architecture.md").read_text("utf-8")
PICTURE = ROOT / "docs" / "architecture.svg"
SVG = "{http://www.w3.org/2000/svg}"
OTHERS = {"torch.distributed"}
SHOWN_AS_ONE = {"commands", "feature_commands", "materialize", "push_features"}
"""Packages of the commands and of single steps, which are on no one's way."""


def _is_there(name: str) -> bool:
    path = PACKAGE / name.replace(".", "/")
    return path.is_dir() or path.with_suffix(".py").is_file()


def _texts(kind: str) -> list[str]:
    root = ElementTree.parse(PICTURE).getroot()
    return [item.text for item in root.iter(f"{SVG}text") if kind in item.get("class", "").split()]


@pytest.mark.parametrize("path", sorted(set(re.findall(r"`([a-z_]+/[a-z_/]*(?:\.py)?)`", PAGE))))
def test_a_path_of_the_page_exists(path):
    assert (PACKAGE / path).exists() or (ROOT / path).exists()


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`([a-z_]+(?:\.[a-z_]+)+)`", PAGE))))
def test_a_room_of_the_page_exists(name):
    if not name.endswith((".py", ".yaml", ".toml")) and name not in OTHERS:
        assert _is_there(name)


def test_the_page_names_every_package():
    packages = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    named = set(re.findall(r"`([a-z_]+)[`./]", PAGE))
    assert packages - named - SHOWN_AS_ONE == set()


def test_the_picture_names_rooms_that_exist():
    rooms = [name for text in _texts("t") for name in re.findall(r"[a-z_.]+", text)]
    assert len(rooms) > 20
    assert [name for name in rooms if name != "pipelines" and not _is_there(name)] == []
    packages = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    shown = {name.split(".")[0] for name in rooms}
    assert packages - shown - SHOWN_AS_ONE <= {"serving", "configuration"}


def test_the_picture_has_both_themes_and_says_what_it_shows():
    text = PICTURE.read_text("utf-8")
    assert "prefers-color-scheme: dark" in text
    root = ElementTree.fromstring(text)
    assert root.find(f"{SVG}title").text
    assert root.find(f"{SVG}desc").text
