"""Resolves every requirements*.in into the lock beside it: `make lock`.

A lock pins each package and its hashes, and holds no address. torch alone is pinned without a
hash and without the packages of CUDA: its one line is satisfied by the build for CPUs, where pip
is given one by find-links, and by the build of PyPI, which brings its CUDA packages itself.
"""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "components" / "images"
UNHASHED = "torch"
OF_CUDA = re.compile(r"(nvidia|cuda|triton)(-|$)")
COMPILE = ("pip", "compile", "--quiet", "--generate-hashes")
ANYWHERE = ("--python-version", "3.11", "--universal")
CONTAINER = ("--python-version", "3.11", "--python-platform", "x86_64-manylinux_2_28")
NEWER_CONTAINER = ("--python-version", "3.13", "--python-platform", "x86_64-manylinux_2_39")
NEWER = "requirements-glibc2.39.in"
WITHOUT_ADDRESSES = ("--no-header", "--no-emit-index-url", "--no-emit-find-links")


def places() -> list[tuple[Path, Path, tuple[str, ...]]]:
    """Returns each file of requirements, its lock, and the options that it is resolved with."""
    roles = sorted(IMAGES.glob("*/requirements*.in"))
    peers = sorted((ROOT / "benchmarks" / "peers").glob("*.in"))
    return [
        (ROOT / "requirements-dev.in", ROOT / "requirements-dev.lock", ANYWHERE),
        (ROOT / "tests/requirements.in", ROOT / "tests/requirements.lock", ANYWHERE),
        *(
            (path, path.with_suffix(".lock"), NEWER_CONTAINER if path.name == NEWER else CONTAINER)
            for path in roles
        ),
        *((path, path.with_suffix(".lock"), CONTAINER) for path in peers),
    ]


def blocks(text: str) -> list[list[str]]:
    """Splits a lock into its requirements: a line each, with the lines that go on from it."""
    found: list[list[str]] = []
    for line in text.splitlines():
        if line[:1].isspace() and found:
            found[-1].append(line)
        else:
            found.append([line])
    return found


def portable(text: str) -> str:
    """Makes a lock hold wherever torch comes from: for CPUs or for CUDA."""
    kept = []
    for block in blocks(text):
        name, _, version = block[0].removesuffix("\\").strip().partition("==")
        if OF_CUDA.match(name):
            continue
        if name == UNHASHED:
            comments = [line for line in block[1:] if line.lstrip().startswith("#")]
            kept += [f"{name}=={version.partition('+')[0]}", *comments]
        else:
            kept += block
    return "\n".join(kept) + "\n"


def main(options: list[str]) -> int:
    """Writes all locks; `--upgrade` among the options takes the newest versions allowed."""
    for source, lock, platform in places():
        print(f"{lock.relative_to(ROOT)}", flush=True)
        command = ["uv", *COMPILE, *WITHOUT_ADDRESSES, *platform, *options]
        aside = lock.with_suffix(".new")
        if lock.exists() and "--upgrade" not in options:
            aside.write_text(lock.read_text("utf-8"), "utf-8")
        inputs = [str(source.relative_to(ROOT)), "--output-file", str(aside.relative_to(ROOT))]
        try:
            subprocess.run([*command, *inputs], cwd=ROOT, check=True)
            text = portable(aside.read_text("utf-8"))
        except subprocess.CalledProcessError as error:
            print(f"{source.relative_to(ROOT)} does not resolve; {lock.name} is as it was")
            return error.returncode
        finally:
            aside.unlink(missing_ok=True)
        lock.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
