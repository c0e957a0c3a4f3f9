"""Components are written in one form, described as a whole, and the page about them is current."""

import ast
import importlib.util
import inspect
from pathlib import Path

import pytest

from plimsoll import components
from plimsoll.components import METADATA
from plimsoll.images import ROLES, role_of

ROOT = Path(__file__).parents[2]
LONGEST_BODY = 10

spec = importlib.util.spec_from_file_location("catalogue", ROOT / "tools" / "catalogue.py")
catalogue = importlib.util.module_from_spec(spec)
spec.loader.exec_module(catalogue)

every_component = pytest.mark.parametrize("name", components.__all__)


def function(name: str) -> ast.FunctionDef:
    source = Path(inspect.getfile(getattr(components, name).python_func)).read_text("utf-8")
    (found,) = [item for item in ast.parse(source).body if isinstance(item, ast.FunctionDef)]
    return found


def test_each_component_has_metadata():
    assert sorted(METADATA) == sorted(components.__all__)


@every_component
def test_a_body_is_short(name):
    _, *statements = function(name).body
    lines = {line for item in statements for line in range(item.lineno, item.end_lineno + 1)}
    assert len(lines) <= LONGEST_BODY


@every_component
def test_outputs_are_listed_with_their_types(name):
    returned = function(name).returns
    if isinstance(returned, ast.Constant):
        assert returned.value is None
    else:
        # NamedTuple("Outputs", x=int) ends with Python 3.15.
        assert ast.unparse(returned.func) == "NamedTuple"
        assert not returned.keywords
        assert isinstance(returned.args[1], ast.List)


@every_component
def test_all_that_goes_in_and_out_is_described(name):
    spec = getattr(components, name).component_spec
    everything = {**(spec.inputs or {}), **(spec.outputs or {})}
    assert spec.description
    assert [key for key, item in everything.items() if not item.description] == []
    assert role_of(spec.implementation.container.image) in ROLES


def test_the_page_is_current():
    assert catalogue.PAGE.read_text("utf-8") == catalogue.page(), "make catalogue"
