"""Runs each test in the environments that roles.toml names for it: `make test`.

The roles' environments hold no test tools: pytest comes from a folder that is put behind their
own packages, so that it hides none of them.
"""

import argparse
import os
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

TESTS = Path(__file__).resolve().parent
ROOT = TESTS.parent
AUTHOR = "author"
START = "import sys; sys.path.append(sys.argv.pop(1)); import pytest; sys.exit(pytest.main())"
NO_TESTS_COLLECTED = 5
INSIDE = "/src"


def tests_by_environment(
    tests: Sequence[str], entries: Mapping[str, Sequence[str]]
) -> dict[str, list[str]]:
    """Returns the test files of each environment, by the longest entry that covers them.

    Args:
        tests: Paths of test files, relative to the tests' folder.
        entries: A folder or a file -> the environments that its tests run in.

    Raises:
        LookupError: if no entry covers a test, which would otherwise never run.
    """
    found: dict[str, list[str]] = {}
    for test in tests:
        parts = test.split("/")
        ways = ["/".join(parts[:length]) for length in range(len(parts), 0, -1)]
        entry = next((way for way in ways if way in entries), None)
        if entry is None:
            raise LookupError(f"tests/{test} is in no environment: add it to tests/roles.toml")
        for environment in entries[entry]:
            found.setdefault(environment, []).append(test)
    return found


def all_tests() -> list[str]:
    """Returns every test file below the tests' folder, relative to it, sorted."""
    return sorted(path.relative_to(TESTS).as_posix() for path in TESTS.rglob("test_*.py"))


def chosen(tests: Sequence[str], *, slow: bool) -> list[str]:
    """Returns the files of ``make slow``, whose names end so, or all the others."""
    return [test for test in tests if test.endswith("_slow.py") == slow]


def entries() -> dict[str, list[str]]:
    """Reads which environments run what."""
    return tomllib.loads((TESTS / "roles.toml").read_text("utf-8"))["environments"]


def interpreter(environment: str) -> str:
    """Returns the Python of an environment; a role's is built if it is not there."""
    if environment == AUTHOR:
        return sys.executable
    command = [sys.executable, "-m", "plimsoll.cli", "env", "path", environment]
    found = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return found.stdout.strip()


def inside(image: str, tools: Path) -> list[str]:
    """Returns how pytest is started in an image on this checkout, without a network."""
    docker = os.environ.get("DOCKER") or ("docker" if shutil.which("docker") else "podman")
    settings = ["OMP_WAIT_POLICY=PASSIVE", f"PYTHONPATH={INSIDE}/components"]
    return [
        *(docker, "run", "--rm", "--network", "none", "--read-only", "--tmpfs", "/tmp"),
        *("--volume", f"{ROOT}:{INSIDE}:ro", "--volume", f"{tools}:/tools:ro"),
        *(word for setting in settings for word in ("--env", setting)),
        *("--workdir", INSIDE, image, "python3", "-c", START, "/tools", "-p", "no:cacheprovider"),
    ]


def run(
    environment: str,
    tests: Sequence[str],
    tools: Path | None,
    options: list[str],
    image: str = "",
) -> int:
    """Runs tests in one environment, or in an image, and returns pytest's exit status."""
    if image:
        return subprocess.run(
            [*inside(image, tools), "-q", *options, *(f"tests/{test}" for test in tests)], cwd=ROOT
        ).returncode
    start = [interpreter(environment)]
    if environment == AUTHOR:
        start += ["-m", "pytest"]
    else:
        start += ["-c", START, str(tools)]
    cache = f"cache_dir=.pytest_cache/{environment}"
    files = [f"tests/{test}" for test in tests]
    # As the engine starts steps: threads that spin while they wait slow a busy machine down.
    variables = {"OMP_WAIT_POLICY": "PASSIVE", **os.environ, "PYTHONPATH": str(ROOT / "components")}
    command = [*start, "-q", "-o", cache, *options, *files]
    status = subprocess.run(command, cwd=ROOT, env=variables).returncode
    return 0 if status == NO_TESTS_COLLECTED and "-m" in options else status


def main() -> int:
    """Runs the tests of all environments, or of those asked for, and says how each ended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", action="append", help="an environment; may be given again")
    parser.add_argument("--image", default="", help="run the one environment's tests in this image")
    parser.add_argument("--tools", type=Path, help="folder with pytest for the roles")
    parser.add_argument("--slow", action="store_true", help="run test_*_slow.py, and only those")
    parser.add_argument("options", nargs="*", help="for pytest, after --")
    given = parser.parse_args()
    try:
        # Every file is looked at, so that one in no environment is found by either run.
        everything = tests_by_environment(all_tests(), entries())
    except LookupError as error:
        print(error, file=sys.stderr)
        return 2
    plan = {name: chosen(tests, slow=given.slow) for name, tests in everything.items()}
    environments = given.only or [name for name, tests in plan.items() if tests]
    if given.tools is None and environments != [AUTHOR]:
        parser.error("--tools is needed for the roles' environments; try: make test")
    if given.image and (len(environments) != 1 or given.tools is None):
        parser.error("--image needs --tools and one --only")
    tools = given.tools and given.tools.resolve()
    verdicts = {}
    for environment in environments:
        started = time.monotonic()
        print(f"\nenvironment {environment}: {len(plan[environment])} files", flush=True)
        status = run(environment, plan[environment], tools, given.options, given.image)
        verdict = "passed" if status == 0 else f"failed ({status})"
        verdicts[environment] = f"{verdict} in {time.monotonic() - started:.0f} s"
    print("\n" + "\n".join(f"{name:8} {verdict}" for name, verdict in verdicts.items()))
    return int(any(not verdict.startswith("passed") for verdict in verdicts.values()))


if __name__ == "__main__":
    sys.exit(main())
