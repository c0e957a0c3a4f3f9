"""What an installed wheel has: the modules, what they are shipped with, nothing of the tests."""

import os
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from plimsoll import __version__

ROOT = Path(__file__).parents[2]
BUILT_FROM = ("LICENSE", "README.md", "pyproject.toml", "setup.py")
FOLDERS = ("components", "pipelines", "schemas", "serving", "tests")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """Builds from a copy, so that nothing of an earlier build gets in, and none is left behind."""
    source = tmp_path_factory.mktemp("source")
    for name in BUILT_FROM:
        if (ROOT / name).exists():
            shutil.copy(ROOT / name, source)
    leftovers = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for name in FOLDERS:
        shutil.copytree(ROOT / name, source / name, ignore=leftovers)
    target = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", target]
    subprocess.run([*command, source], check=True, capture_output=True)
    (path,) = target.iterdir()
    return path


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory) -> Path:
    """Installs the wheel alone into an environment, and returns that environment's Python."""
    folder = tmp_path_factory.mktemp("clean")
    venv.create(folder, with_pip=False)
    python = folder / "bin" / "python"
    install = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--no-deps", "--offline"]
    subprocess.run([*install, "--python", python, wheel], check=True)
    return python


def _inside(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def _alone() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


def test_its_name_and_version(wheel):
    assert wheel.name == f"kfp_plimsoll-{__version__}-py3-none-any.whl"


def test_it_has_every_module_and_nothing_else(wheel):
    package = ROOT / "components"
    modules = {
        path.relative_to(package).as_posix() for path in (package / "plimsoll").rglob("*.py")
    }
    rest = {name for name in _inside(wheel) if ".dist-info/" not in name}
    assert {name for name in rest if name.endswith(".py")} == modules
    assert {name.split("/")[0] for name in rest} == {"plimsoll"}
    assert "plimsoll/py.typed" in rest
    data = {
        path.relative_to(package).as_posix()
        for suffix in (".css", ".js")
        for path in (package / "plimsoll").rglob(f"*{suffix}")
    }
    assert data <= rest
    assert "plimsoll/pictures/page.css" in data


def test_it_carries_what_the_library_ships_with(wheel):
    wanted = {
        f"plimsoll/_shipped/{name}/{path.relative_to(ROOT / folder).as_posix()}"
        for name, folder, pattern in (
            ("images", "components/images", "*/Dockerfile"),
            ("images", "components/images", "*/requirements*.lock"),
            ("pipelines", "pipelines/compiled", "*.yaml"),
            ("schemas", "schemas", "*.json"),
            ("serving", "serving", "*.yaml"),
        )
        for path in (ROOT / folder).glob(pattern)
    }
    assert {name.split("/")[2] for name in wanted} == {"images", "pipelines", "schemas", "serving"}
    assert wanted <= _inside(wheel)


def test_it_carries_no_tests(wheel):
    assert [name for name in _inside(wheel) if "test" in name.lower()] == []


def test_what_it_ships_with_is_found_once_installed(installed, tmp_path):
    code = (
        "from plimsoll import shipped\n"
        "for name in ('images', 'pipelines', 'serving'):\n"
        "    folder = shipped.folder(name)\n"
        "    assert '_shipped' in folder.parts, folder\n"
        "    assert any(folder.iterdir()), folder\n"
    )
    subprocess.run([installed, "-c", code], cwd=tmp_path, env=_alone(), check=True)


def test_the_command_answers_without_any_other_package(installed, tmp_path):
    command = installed.parent / "plimsoll"
    ended = subprocess.run(
        [command, "--help"], cwd=tmp_path, env=_alone(), capture_output=True, text=True
    )
    assert ended.returncode == 0, ended.stderr
    assert "run" in ended.stdout
