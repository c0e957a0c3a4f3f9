"""Data under DVC: what its ``.dvc`` file says of it, checked against what lies there."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plimsoll.errors import DataError
from plimsoll.storage.files import CHUNK_BYTES, files_below

SUFFIX = ".dvc"
FOLDER = ".dir"
IGNORED = ".dvcignore"


@dataclass(frozen=True, kw_only=True)
class Tracked:
    """Files that DVC tracks."""

    md5: Mapping[Path, str]
    """File -> the MD5 that DVC knows it, or the folder it is in, by."""
    entries: tuple[Mapping[str, Any], ...]

    def lineage(self) -> dict[str, Any]:
        """Returns what DVC knows of the data, as JSON values."""
        return {"dvc": [dict(entry) for entry in self.entries]} if self.entries else {}


def check(paths: Sequence[Path], base: Path, notes: list[str]) -> Tracked:
    """Checks files against the ``.dvc`` files beside them, or beside a folder they are in.

    Args:
        paths: The files.
        base: The folder that names are told relative to.
        notes: Takes a sentence on what could not be checked.

    Raises:
        DataError: if a ``.dvc`` file cannot be read, or what lies there is not what it says.
    """
    outs: dict[Path, Mapping[str, Any]] = {}
    digests: dict[Path, str] = {}
    for path in paths:
        tracked = next((item for item in (path, *path.parents) if _dvc_file(item).is_file()), None)
        if tracked is None:
            continue
        if tracked not in outs:
            outs[tracked] = _checked(tracked, _relative_name(tracked, base), notes)
        if outs[tracked]:
            digests[path] = str(outs[tracked]["md5"])
    entries = [
        {"file": _dvc_file(path).name, **{key: out[key] for key in ("md5", "size") if key in out}}
        for path, out in sorted(outs.items())
        if out
    ]
    return Tracked(md5=digests, entries=tuple(entries))


def _dvc_file(path: Path) -> Path:
    return path.parent / f"{path.name}{SUFFIX}"


def _relative_name(path: Path, base: Path) -> str:
    below = path != base and path.is_relative_to(base)
    return path.relative_to(base).as_posix() if below else path.name


def _checked(path: Path, name: str, notes: list[str]) -> Mapping[str, Any]:
    """Returns the entry of a ``.dvc`` file for ``path`` after a check; empty if it has none."""
    out = _entry(path)
    if not out:
        notes.append(f"{name}{SUFFIX} has no MD5 of {path.name}: not checked")
        return {}
    if path.is_dir() and any((above / IGNORED).exists() for above in (path, *path.parents)):
        notes.append(f"{name} is not checked against {name}{SUFFIX}: there is a {IGNORED}")
        return out
    files = files_below(path) if path.is_dir() else [path]
    size = sum(file.stat().st_size for file in files)
    if "size" in out and out["size"] != size and _is_raw(out):
        raise _mismatch(name, f"it says {out['size']:,} bytes; {size:,} lie there")
    known = str(out["md5"])
    if known not in _digests(path, files, raw=_is_raw(out)):
        raise _mismatch(name, f"it says MD5 {known}; what lies there has another")
    return out


def _entry(path: Path) -> Mapping[str, Any]:
    import yaml

    file = _dvc_file(path)
    try:
        content = yaml.safe_load(file.read_text("utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise DataError(
            f"{file.name} cannot be read",
            cause=str(error),
            hint=f"make it again: dvc add {path.name}",
        ) from error
    outs = content.get("outs") if isinstance(content, dict) else None
    for out in outs if isinstance(outs, list) else ():
        if isinstance(out, dict) and out.get("path") == path.name and out.get("md5"):
            return out
    return {}


def _is_raw(out: Mapping[str, Any]) -> bool:
    """Says if a hash is of the bytes as they are; before DVC 3, texts' line ends were unified."""
    return out.get("hash") == "md5"


def _digests(path: Path, files: Sequence[Path], *, raw: bool) -> set[str]:
    return {_digest(path, files, unified) for unified in ((False,) if raw else (False, True))}


def _digest(path: Path, files: Sequence[Path], unified: bool) -> str:
    if not path.is_dir():
        return _md5(path, unified)
    listed = [
        {"md5": _md5(file, unified), "relpath": file.relative_to(path).as_posix()} for file in files
    ]
    listed.sort(key=lambda item: item["relpath"])
    text = json.dumps(listed, sort_keys=True)
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest() + FOLDER


def _md5(path: Path, unified: bool) -> str:
    digest = hashlib.md5(usedforsecurity=False)
    carried = b""
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK_BYTES):
            if unified:
                # A line end may lie across two chunks.
                chunk = carried + chunk
                carried = chunk[-1:] if chunk.endswith(b"\r") else b""
                chunk = chunk[: len(chunk) - len(carried)].replace(b"\r\n", b"\n")
            digest.update(chunk)
    digest.update(carried)
    return digest.hexdigest()


def _mismatch(name: str, cause: str) -> DataError:
    return DataError(
        f"{name} is not what {name}{SUFFIX} says",
        cause=cause,
        hint="dvc checkout brings back what is tracked; dvc add tracks what lies there",
    )
