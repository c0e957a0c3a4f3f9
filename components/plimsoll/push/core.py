"""Puts a package where it is served from: the version whole, then the champion pointer."""

import math
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plimsoll import shipped
from plimsoll.errors import ArtifactError, DataError, UsageError
from plimsoll.formats.package import MANIFEST, Package, open_package
from plimsoll.push import service
from plimsoll.storage import provenance
from plimsoll.storage.files import folder_written_whole, read_json, write_json, write_text
from plimsoll.storage.locks import lock

CHAMPION = "champion.json"
LOCK = ".push.lock"
SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
SAFE_VERSION = re.compile(r"[0-9a-f]{16}")
SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")


@dataclass(frozen=True, kw_only=True)
class Gates:
    """What the gates before said."""

    blessed: bool
    """If evaluation blessed the model."""
    infra_blessed: bool
    """If the served answers were those evaluated."""
    data_passed: bool = True
    """If the data gate let the data pass."""

    def refusals(self) -> str:
        """Returns which of them refused, as text; empty if none did."""
        verdicts = {
            "the data gate did not let the data pass": self.data_passed,
            "evaluation did not bless the model": self.blessed,
            "infra_validate did not bless the package": self.infra_blessed,
        }
        return " and ".join(reason for reason, passed in verdicts.items() if not passed)


@dataclass(frozen=True, kw_only=True)
class Pushed:
    """What came of a push; not pushing is a result, not an error."""

    pushed: bool
    """If the version lies in the destination now, as the champion."""
    reason: str
    """Why, in one sentence."""
    version: str
    """The package's version."""
    path: str
    """The version's folder; empty if it was not pushed."""
    notes: tuple[str, ...] = ()
    """Short sentences for the reader of the run."""
    provenance: tuple[dict[str, Any], ...] = ()
    """What was left outside the run, as ``artifacts.provenance`` observes it."""


def push(
    package_folder: Path,
    destination: str,
    gates: Gates,
    *,
    force: bool = False,
    template: Path | None = None,
) -> Pushed:
    """Pushes a package if every gate let it pass, or if it is forced.

    Args:
        package_folder: The model package.
        destination: A local folder; made if it is missing.
        gates: What the gates before said.
        force: Push without the blessings, and say so.
        template: InferenceService template; None: the one that is shipped.

    Raises:
        UsageError: if the destination is empty or not a local folder.
        ArtifactError: if the package is damaged, has a hostile name, or the destination's
            champion pointer cannot be read.
        DataError: if the destination cannot be written.
    """
    root = destination_folder(destination)
    package = open_package(package_folder)
    _check_names(package)
    missing = gates.refusals()
    if missing and not force:
        return Pushed(
            pushed=False, reason=f"not pushed: {missing}", version=package.version, path=""
        )
    try:
        notes = _write_version(package, root / package.name, template)
    except OSError as error:
        raise DataError(
            f"the model cannot be written to {root}",
            cause=f"{type(error).__name__}: {error}",
            hint="free some space, or name a destination that you may write to",
        ) from error
    if missing:
        notes = (f"PUSHED BY FORCE, WITHOUT A BLESSING: {missing}", *notes)
    folder = root / package.name / package.version
    return Pushed(
        pushed=True,
        reason=f"pushed by force, though {missing}" if missing else "every gate let it pass",
        version=package.version,
        path=str(folder),
        notes=notes,
        provenance=(
            provenance.observe(str(folder)),
            provenance.observe(str(folder.parent / CHAMPION)),
        ),
    )


def write_record(folder: Path, result: Pushed) -> dict[str, Any]:
    """Writes ``pushed.json``, and returns the artifact's metadata.

    Args:
        folder: The output artifact's folder.
        result: What came of the push.
    """
    record = {"pushed": result.pushed, "reason": result.reason, "version": result.version}
    with folder_written_whole(folder) as aside:
        write_json(aside / "pushed.json", {**record, "path": result.path})
    notes = result.notes or (result.reason,)
    metadata: dict[str, Any] = {**record, "path": result.path, "notes": list(notes)}
    if result.provenance:
        metadata[provenance.METADATA_KEY] = list(result.provenance)
    return metadata


def destination_folder(destination: str) -> Path:
    """Returns the local folder that a destination names.

    Raises:
        UsageError: if it names none, or is of a kind that is not supported.
    """
    if not destination.strip():
        raise UsageError(
            "push has no destination",
            cause="it must be told which folder the models are served from",
            hint="give one: destination=/srv/models",
        )
    scheme = SCHEME.match(destination)
    if scheme and scheme[1] != "file":
        raise UsageError(
            f"push cannot write to {destination}",
            cause=f"{scheme[1]}:// is not in this version; a destination is a local folder",
            hint="push to a folder, then copy it whole, the version before champion.json",
        )
    folder = Path(destination.removeprefix("file://")).expanduser().absolute()
    if folder.exists() and not folder.is_dir():
        raise UsageError(
            f"the destination {folder} is a file", hint="name a folder; it is made if missing"
        )
    return folder


def _check_names(package: Package) -> None:
    for what, value, safe in (
        ("name", package.name, SAFE_NAME),
        ("version", package.version, SAFE_VERSION),
    ):
        if not safe.fullmatch(str(value)):
            raise ArtifactError(
                f"the package's {what} {str(value)[:80]!r} cannot be a folder's name",
                cause=f"it must match {safe.pattern}",
                hint="set name: in problem.yaml to letters, digits, '.', '_' and '-'",
            )


def _write_version(package: Package, home: Path, template: Path | None) -> tuple[str, ...]:
    text = service.render(template or shipped.folder("serving") / service.TEMPLATE, package)
    home.mkdir(parents=True, exist_ok=True)
    with _alone(home):
        _sweep(home)
        champion = _champion(home)
        notes = [_copy(package, home / package.version)]
        manifest = home / service.TEMPLATE
        if not manifest.is_file() or manifest.read_bytes() != text.encode():
            write_text(manifest, text)
        if champion.get("version") != package.version:
            previous = str(champion.get("version", ""))
            write_json(home / CHAMPION, {"version": package.version, "previous": previous})
            notes.append(f"champion: {previous or 'none'} -> {package.version}")
    notes.append(f"storageUri {service.storage_uri(package)}: mount the destination as that claim")
    return tuple(notes)


def _copy(package: Package, target: Path) -> str:
    if target.exists():
        try:
            open_package(target)
        except ArtifactError as error:
            note = f"replaced {package.version}, which was damaged ({error.cause or error})"
        else:
            return f"{package.name} {package.version} was there already, whole"
    else:
        note = f"{package.name} {package.version}: {len(package.files)} files"
    with folder_written_whole(target) as aside:
        for name in (*package.files, MANIFEST):
            (aside / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(package.folder / name, aside / name)
        open_package(aside)
    return note


def _champion(home: Path) -> dict[str, Any]:
    path = home / CHAMPION
    if not path.exists():
        return {}
    try:
        champion = read_json(path)
        if not isinstance(champion, dict) or not SAFE_VERSION.fullmatch(
            str(champion.get("version"))
        ):
            raise ArtifactError(f"{path} names no version")
    except ArtifactError as error:
        raise ArtifactError(
            f"{path} cannot be read, and so the champion before this one would be lost",
            cause=f"{error.headline} {error.cause}".strip(),
            hint=f'write {{"version": "..."}} into it, a folder of {home}, or remove it',
        ) from error
    return champion


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    """Holds the name's lock, so that two pushes at once go one after the other."""
    with (home / LOCK).open("w") as stream:
        lock(stream, math.inf)
        yield


def _sweep(home: Path) -> None:
    """Removes what a push that was killed left aside; nobody else writes under the lock."""
    for path in home.glob(".*.*"):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        elif path.name.startswith((f".{CHAMPION}.", f".{service.TEMPLATE}.")):
            path.unlink(missing_ok=True)
