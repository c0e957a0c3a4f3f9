"""`import plimsoll` and the command line cost next to nothing: told by what they load."""

import subprocess
import sys

import pytest

HEAVY = {
    "apache_beam",
    "feast",
    "google",
    "kfp",
    "kserve",
    "numpy",
    "pandas",
    "pyarrow",
    "pydantic",
    "pydantic_core",
    "rich",
    "sklearn",
    "tensorflow",
    "tensorflow_data_validation",
    "torch",
    "uv",
    "yaml",
}


def _loaded(statement: str) -> set[str]:
    """Returns the top-level modules that a fresh interpreter has after a statement."""
    # Without site: an editable install's own hooks would count as loaded.
    places = [path for path in sys.path if path]
    code = (
        f"import sys; sys.path[:0] = {places!r}; before = set(sys.modules)\n"
        f"{statement}\n"
        "print(*sorted({name.partition('.')[0] for name in set(sys.modules) - before}))"
    )
    command = [sys.executable, "-I", "-S", "-c", code]
    return set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())


def test_importing_the_package_loads_nothing_else():
    assert _loaded("import plimsoll") == {"plimsoll"}


@pytest.mark.parametrize(
    "module",
    ["plimsoll.cli", "plimsoll.errors", "plimsoll.images", "plimsoll.pictures", "plimsoll.problem"],
)
def test_light_modules_load_no_heavy_package(module):
    assert _loaded(f"import {module}") & HEAVY == set()


def test_the_check_sees_what_a_module_loads():
    loaded = _loaded("import plimsoll.problem; plimsoll.problem.parse('label: y')")
    assert {"yaml", "pydantic", "pydantic_core"} <= loaded


def test_naming_a_config_or_taking_its_defaults_loads_no_pydantic():
    statement = "from plimsoll.train.config import TrainConfig; TrainConfig()"
    assert _loaded(statement) & HEAVY == set()
