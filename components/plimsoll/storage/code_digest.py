"""Which code made something: the digest of the library's own modules."""

from collections.abc import Iterable
from pathlib import Path

from plimsoll.storage.files import digest_file, digest_json, files_below

_PACKAGE = Path(__file__).resolve().parents[1]


def code_digest(packages: Iterable[str]) -> str:
    """Returns the SHA-256 of the modules of packages of the library, such as ``ingest``."""
    return digest_json(
        {
            f"{name}/{path.relative_to(_PACKAGE / name).as_posix()}": digest_file(path)
            for name in packages
            for path in files_below(_PACKAGE / name)
            if path.suffix == ".py"
        }
    )
