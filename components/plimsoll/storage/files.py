"""Files that are whole or absent: atomic writes, content digests, folders with a manifest."""

import hashlib
import json
import math
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from plimsoll.errors import ArtifactError

CHUNK_BYTES = 1 << 20


def digest_bytes(data: bytes) -> str:
    """Returns the SHA-256 of ``data`` in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def digest_file(path: Path) -> str:
    """Returns the SHA-256 of a file's content, read in bounded memory."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def digest_json(value: Any) -> str:
    """Returns the SHA-256 of a JSON value's canonical text; key order does not matter."""
    return digest_bytes(canonical_json(value).encode())


def canonical_json(value: Any) -> str:
    """Returns the one text of a JSON value: sorted keys, no spaces, no NaN.

    Raises:
        ValueError: if the value holds NaN or an infinity.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def files_below(folder: Path) -> list[Path]:
    """Returns the files below ``folder``, sorted by their POSIX path relative to it.

    Links to folders are followed, each folder once on the way down, so that a loop of links ends.
    """
    paths: list[Path] = []
    _walk(folder, (), paths)
    return sorted(paths, key=lambda path: path.relative_to(folder).as_posix())


def _walk(folder: Path, above: tuple[str, ...], paths: list[Path]) -> None:
    real = os.path.realpath(folder)
    if real in above or not folder.is_dir():
        return
    for path in folder.iterdir():
        if path.is_file():
            paths.append(path)
        else:
            _walk(path, (*above, real), paths)


def digest_tree(path: Path) -> str:
    """Returns the SHA-256 of a file, or of a folder's names and contents together."""
    if path.is_file():
        return digest_file(path)
    return digest_json(
        {item.relative_to(path).as_posix(): digest_file(item) for item in files_below(path)}
    )


def write_text(path: Path, text: str) -> None:
    """Writes a text file atomically: aside, synced, renamed."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, data: bytes) -> None:
    """Writes a file atomically: aside, synced, renamed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    aside = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        aside.chmod(0o666 & ~_umask())
        aside.replace(path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise


def write_json(path: Path, value: Any) -> None:
    """Writes JSON atomically, with indents and sorted keys; NaN and infinities become null."""
    text = json.dumps(finite(value), indent=2, sort_keys=True, ensure_ascii=False)
    write_text(path, text + "\n")


def read_json(path: Path) -> Any:
    """Reads a JSON file.

    Raises:
        ArtifactError: if the file is missing or is not JSON.
    """
    try:
        return json.loads(path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise ArtifactError(f"{path} is missing", cause="the artifact is not whole") from error
    except ValueError as error:
        raise ArtifactError(f"{path} is not JSON", cause=str(error)) from error


def finite(value: Any) -> Any:
    """Returns a JSON value with NaN and infinities replaced by None."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {str(key): finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return value


@contextmanager
def folder_written_whole(target: Path, *, replace: bool = True) -> Iterator[Path]:
    """Yields a folder beside ``target`` that becomes ``target`` only if the block succeeds.

    Files are synced before the rename, so a crash leaves the old folder, the new one, or none,
    never half of one.

    Args:
        target: The folder to make.
        replace: Whether an existing ``target`` gives way; where it does not, whichever process
            is first leaves its folder, and the others' are dropped.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
    try:
        yield aside
        aside.chmod(0o777 & ~_umask())
        sync_tree(aside)
        move_folder(aside, target, replace=replace)
        sync_folder(target.parent)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def move_folder(aside: Path, target: Path, *, replace: bool = True) -> None:
    """Renames a folder; what is at its target gives way, or where it must not, stays.

    Args:
        aside: The folder.
        target: Where it comes to be, on the same disk.
        replace: Whether what is there gives way.
    """
    if replace and target.is_dir() and not target.is_symlink():
        shutil.rmtree(target)
    elif replace and (target.exists() or target.is_symlink()):
        target.unlink()
    try:
        aside.rename(target)
    except OSError:
        if replace or not target.is_dir():
            raise


def sync_tree(folder: Path) -> None:
    """Flushes every file below ``folder`` to the disk."""
    for path in files_below(folder):
        with path.open("rb") as stream:
            os.fsync(stream.fileno())
    sync_folder(folder)


def sync_folder(folder: Path) -> None:
    """Flushes a folder's own entries to the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def checked_manifest(folder: Path, name: str, kind: str) -> dict[str, Any]:
    """Reads ``folder/name`` and checks that its ``format`` is ``kind``.

    Raises:
        ArtifactError: if it is missing, not JSON, or of another format or version.
    """
    manifest = read_json(folder / name)
    written = manifest.get("format") if isinstance(manifest, dict) else None
    if written != kind:
        raise ArtifactError(
            f"{folder} is not a {kind} artifact",
            cause=f"{name} says format {written!r}",
            hint="make it again with this version of plimsoll, or use the version that made it",
        )
    return dict(manifest)


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current
