"""Runs each test in the environments that roles.toml names for it: `make test`.

The roles' environments hold no test tools: pytest comes from a folder that is put behind their
own packages, so that it hides none of them.
"""

import argparse
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

TESTS = Path(__file__).resolve().parent
ROOT = TESTS.parent
AUTHOR = "author"
START = "import sys; sys.path.append(sys.argv.pop(1)); import pytest; sys.exit(pytest.main())"
LONGEST_FIRST = (AUTHOR, "features", "data", "train", "serve")
INTERRUPTED, NO_TESTS_COLLECTED = 2, 5
"""Exit statuses of pytest."""
POLL_SECONDS = 0.2
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


def in_shares(environment: str, tests: Sequence[str], shares: int) -> dict[str, Sequence[str]]:
    """Deals an environment's tests out to several pytests.

    Returns:
        The environment's name, and which share if there are several -> its tests.
    """
    if shares == 1:
        return {environment: tests}
    return {f"{environment}-{first + 1}": tests[first::shares] for first in range(shares)}


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


def pytest_command(
    environment: str,
    tests: Sequence[str],
    tools: Path | None,
    options: Sequence[str],
    image: str = "",
) -> list[str]:
    """Returns the command that runs tests in one environment, or in an image.

    Args:
        environment: A role, or the author's.
        tests: Paths of test files, relative to the tests' folder.
        tools: The folder with pytest, for a role or an image.
        options: For pytest.
        image: A container image; empty: the environment of this machine.
    """
    files = [f"tests/{test}" for test in tests]
    if image:
        return [*inside(image, tools), "-q", *options, *files]
    start = [interpreter(environment)]
    if environment == AUTHOR:
        start += ["-m", "pytest"]
    else:
        start += ["-c", START, str(tools)]
    return [*start, "-q", *options, *files]


class Run:
    """The tests of one environment: on this terminal, or into a file while others run beside."""

    def __init__(self, command: Sequence[str], log: Path | None = None) -> None:
        self._command = command
        self._log = log
        if log:
            log.touch()
        self._process: subprocess.Popen | None = None
        self.status = INTERRUPTED
        self.seconds = 0.0

    def run(self) -> None:
        """Runs the tests to their end."""
        started = time.monotonic()
        # As the engine starts steps: threads that spin while they wait slow a busy machine down.
        variables = {"OMP_WAIT_POLICY": "PASSIVE", **os.environ}
        variables["PYTHONPATH"] = str(ROOT / "components")
        with contextlib.ExitStack() as stack:
            apart = {}
            if self._log:
                log = stack.enter_context(self._log.open("w"))
                apart = {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": subprocess.STDOUT}
                # Ctrl-C reaches this process alone, which passes it on once.
                apart["process_group"] = 0
            self._process = subprocess.Popen(self._command, cwd=ROOT, env=variables, **apart)
            self.status = self._process.wait()
        self.seconds = time.monotonic() - started

    def show(self, ended: Future[None]) -> None:
        """Prints what the tests print, until they have ended."""
        with self._log.open(errors="replace") as log:
            while not ended.done():
                shutil.copyfileobj(log, sys.stdout)
                sys.stdout.flush()
                time.sleep(POLL_SECONDS)
            shutil.copyfileobj(log, sys.stdout)
        ended.result()

    def interrupt(self) -> None:
        """Has pytest end as after Ctrl-C: its fixtures are torn down."""
        if self._process:
            self._process.send_signal(signal.SIGINT)


def run_beside(commands: Mapping[str, Sequence[str]], lanes: int) -> dict[str, Run]:
    """Runs several environments' tests side by side, and prints their outputs one after the other.

    Most tests keep one core busy, or wait for a process, a server, a deadline.

    Args:
        commands: Environment -> command, those first that take longest.
        lanes: How many run at a time.
    """
    if len(commands) == 1:
        alone = {name: Run(command) for name, command in commands.items()}
        for one in alone.values():
            one.run()
        return alone
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(lanes) as pool:
        runs = {name: Run(command, Path(folder, name)) for name, command in commands.items()}
        ended = {name: pool.submit(one.run) for name, one in runs.items()}
        try:
            for name, one in runs.items():
                print(f"\nenvironment {name}", flush=True)
                one.show(ended[name])
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for one in runs.values():
                one.interrupt()
            raise
    return runs


def main() -> int:
    """Runs the tests of all environments, or of those asked for, and says how each ended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", action="append", help="an environment; may be given again")
    parser.add_argument("--image", default="", help="run the one environment's tests in this image")
    parser.add_argument("--tools", type=Path, help="folder with pytest for the roles")
    parser.add_argument("--slow", action="store_true", help="run test_*_slow.py, and only those")
    parser.add_argument("--lanes", type=int, default=2, help="how many pytests at a time")
    parser.add_argument("--shares", type=int, default=1, help="pytests an environment")
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
    options = [*(["--color=yes"] if sys.stdout.isatty() else []), *given.options]
    commands = {}
    for name in sorted(environments, key=LONGEST_FIRST.index):
        for label, tests in in_shares(name, plan[name], given.shares).items():
            cache = [] if given.image else ["-o", f"cache_dir=.pytest_cache/{label}"]
            command = pytest_command(name, tests, tools, [*cache, *options], given.image)
            commands[label] = command
    # A process that is told to end passes that on to those that it started.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    verdicts = {}
    for name, one in run_beside(commands, given.lanes).items():
        empty = one.status == NO_TESTS_COLLECTED and "-m" in options
        verdict = "passed" if one.status == 0 or empty else f"failed ({one.status})"
        verdicts[name] = f"{verdict} in {one.seconds:.0f} s"
    print("\n" + "\n".join(f"{name:8} {verdict}" for name, verdict in verdicts.items()))
    return int(any(not verdict.startswith("passed") for verdict in verdicts.values()))


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("interrupted")
