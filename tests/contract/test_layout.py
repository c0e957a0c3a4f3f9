"""Where things are: each role's files, locks that pin everything, tests that will be run."""

import importlib.util
import re
import subprocess
import sys
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest

from plimsoll import __version__, shipped
from plimsoll.images import ROLES

ROOT = Path(__file__).parents[2]
IMAGES = ROOT / "components" / "images"
LOCKS = sorted([*ROOT.glob("*.lock"), *ROOT.glob("tests/*.lock"), *IMAGES.glob("*/*.lock")])
PINNED = re.compile(r"^[a-z0-9][a-z0-9._-]*==[^\s;]+( ; [^\\]+)?( \\)?$")
WITHOUT_HASH = {"torch"}


def _module(path: Path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


lock = _module(ROOT / "tools" / "lock.py")
runner = _module(ROOT / "tests" / "run.py")


NEWER = {"data": "requirements-glibc2.39"}
"""Roles with a second lock, for images with a newer C library."""


def _locks(role: str) -> list[str]:
    return [f"{name}.lock" for name in ("requirements", NEWER.get(role)) if name]


def _requirements(path: Path) -> list[list[str]]:
    return [block for block in lock.blocks(path.read_text("utf-8")) if block[0][:1] != "#"]


def test_every_role_has_its_files():
    for role in ROLES:
        names = {path.name for path in (IMAGES / role).iterdir() if path.is_file()}
        asked = {name.replace(".lock", ".in") for name in _locks(role)}
        assert names == {"Dockerfile", "smoke.py", *_locks(role), *asked}, role


def test_there_is_no_role_without_an_entry_in_images():
    assert sorted(path.name for path in IMAGES.iterdir()) == sorted(ROLES)


def test_locks_are_found():
    assert len(LOCKS) == len(ROLES) + len(NEWER) + 2


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_lock_pins_every_package_by_version_and_hash(path):
    requirements = _requirements(path)
    assert requirements
    for first, *rest in requirements:
        assert PINNED.match(first), first
        name = first.partition("==")[0]
        hashed = any(line.strip().startswith("--hash=sha256:") for line in rest)
        assert hashed != (name in WITHOUT_HASH), name


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_lock_holds_no_address_and_no_path(path):
    text = path.read_text("utf-8")
    assert "://" not in text
    assert not re.search(r"^\s*(-i|--index-url|--extra-index-url|-f|--find-links)\b", text, re.M)
    assert not re.search(r"(@|-r) /", text)


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_lock_holds_what_its_requirements_ask_for(path):
    asked = path.with_suffix(".in").read_text("utf-8").splitlines()
    names = {
        re.split(r"[\[<>=!~ ]", line)[0].lower().replace("_", "-")
        for line in asked
        if line and not line.startswith("#")
    }
    locked = {first.partition("==")[0] for first, *_ in _requirements(path)}
    assert names <= locked


def test_torch_may_come_from_anywhere():
    text = (
        "torch==2.13.0+cpu \\\n    --hash=sha256:00\n    # via x\n"
        "nvidia-cublas==1 \\\n    --hash=sha256:01\n"
    )
    assert lock.portable(text) == "torch==2.13.0\n    # via x\n"


def test_one_version_of_uv_everywhere():
    locked = re.search(r"^uv==(\S+)", (ROOT / "requirements-dev.lock").read_text("utf-8"), re.M)
    for role in ROLES:
        dockerfile = (IMAGES / role / "Dockerfile").read_text("utf-8")
        assert f"ARG UV_VERSION={locked.group(1)}\n" in dockerfile, role


@pytest.mark.parametrize("role", ROLES)
def test_an_image_is_built_from_its_lock_and_runs_as_an_ordinary_user(role):
    lines = (IMAGES / role / "Dockerfile").read_text("utf-8").splitlines()
    text = "\n".join(lines)
    copied = "requirements.lock"
    if role in NEWER:
        assert "ARG LOCK=requirements.lock" in lines
        copied = "${LOCK}"
    assert f"COPY components/images/{role}/{copied} " in text
    others = [other for other in ROLES if other != role]
    assert not [other for other in others if f"images/{other}/" in text]
    stages = [number for number, line in enumerate(lines) if line.startswith("FROM ")]
    last = lines[stages[-1] :]
    assert [line for line in last if line.startswith("USER ")] == ["USER 10001:10001"]
    assert any("PLIMSOLL_LOCK_SHA256=${PLIMSOLL_LOCK_SHA256}" in line for line in last)
    assert ":latest" not in text


def test_the_context_of_the_images_has_what_they_copy():
    lines = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    allowed = [line[1:] for line in lines if line.startswith("!")]
    for role in ROLES:
        dockerfile = (IMAGES / role / "Dockerfile").read_text("utf-8")
        for source in re.findall(r"^COPY (?!--)(\S+)", dockerfile, re.M):
            for path in [source.replace("${LOCK}", name) for name in _locks(role)]:
                assert (ROOT / path).exists(), path
                inside = [line for line in allowed if line.startswith(path)]
                assert inside or any(fnmatch(path.rstrip("/"), line) for line in allowed), path


def test_shipped_folders_of_a_checkout_exist():
    for name in ("images", "pipelines", "serving"):
        assert shipped.folder(name).is_dir()


def test_every_test_belongs_to_an_environment():
    plan = runner.tests_by_environment(runner.all_tests(), runner.entries())
    assert set(plan) <= {"author", *ROLES}


def test_a_test_that_no_environment_claims_is_an_error():
    entries = {"ingest": ["data"], "ingest/test_b.py": ["train"]}
    found = runner.tests_by_environment(["ingest/test_a.py", "ingest/test_b.py"], entries)
    assert found == {"data": ["ingest/test_a.py"], "train": ["ingest/test_b.py"]}
    with pytest.raises(LookupError, match=r"tests/other/test_c\.py"):
        runner.tests_by_environment(["other/test_c.py"], entries)


def test_the_map_of_tests_names_only_what_exists():
    missing = [name for name in runner.entries() if not (ROOT / "tests" / name).exists()]
    assert missing == []


def test_every_package_has_an_init():
    package = ROOT / "components" / "plimsoll"
    folders = {path.parent for path in package.rglob("*.py")}
    assert [folder for folder in sorted(folders) if not (folder / "__init__.py").exists()] == []


def test_the_changelog_knows_this_version():
    assert f"## {__version__}" in (ROOT / "CHANGELOG.md").read_text("utf-8")


def test_hooks_fetch_nothing():
    import yaml

    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text("utf-8"))
    assert [repo["repo"] for repo in hooks["repos"]] == ["local"]
    assert {hook["language"] for repo in hooks["repos"] for hook in repo["hooks"]} == {"system"}


def test_no_file_of_a_tool_that_records_addresses():
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    names = {Path(path).name for path in tracked}
    assert not names & {"uv.lock", "poetry.lock", "Pipfile.lock", "pdm.lock", ".netrc"}


def test_tool_settings_do_not_name_an_index():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    assert "uv" not in settings["tool"]
    assert sys.version_info >= (3, 11)
