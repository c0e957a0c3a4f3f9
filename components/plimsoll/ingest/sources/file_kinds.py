"""Of what kind a file of data is, and how it is packed: by its first bytes before its name."""

import gzip
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

from plimsoll.errors import DataError, shortened

KINDS: Mapping[str, str] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".tab": "csv",
    ".psv": "csv",
    ".txt": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json-lines": "jsonl",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".arrow": "arrow",
    ".ipc": "arrow",
    ".feather": "arrow",
    ".tfrecord": "tfrecord",
    ".tfrecords": "tfrecord",
}
KIND_NAMES = "CSV, JSON lines, Parquet, Arrow or TFRecord"
PACKINGS: Mapping[str, str] = {".gz": "gzip", ".gzip": "gzip", ".zip": "zip"}
GZIP_MAGIC = b"\x1f\x8b"
ZIP_MAGICS = (b"PK\x03\x04", b"PK\x05\x06")
UNREADABLE: Mapping[bytes, str] = {
    b"BZh": "a bzip2 archive",
    b"\x28\xb5\x2f\xfd": "a Zstandard archive",
    b"\xfd7zXZ": "an xz archive",
    b"7z\xbc\xaf": "a 7-Zip archive",
    b"Rar!": "a RAR archive",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"%PDF": "a PDF",
    b"FEA1": "a file of the first Feather format",
    b"ORC": "an ORC file",
    b"Obj\x01": "an Avro file",
    b"SQLite format 3": "an SQLite database",
}
MAGICS: Mapping[str, tuple[tuple[bytes, ...], str, str]] = {
    "parquet": ((b"PAR1",), "Parquet", "PAR1"),
    # A file, and a stream's first mark of a message.
    "arrow": ((b"ARROW1", b"\xff\xff\xff\xff"), "Arrow", "ARROW1"),
}
START_BYTES = 16
OFFICE_MEMBER = "[Content_Types].xml"


def kind_of_name(name: str) -> str:
    """Returns the kind that a file's name ends in, looking through .gz; empty if none is known.

    A zip archive of any name may hold data: it is known as ``zip``.
    """
    path = PurePosixPath(name.casefold())
    packing = PACKINGS.get(path.suffix, "")
    inner = KINDS.get(PurePosixPath(path.stem).suffix if packing else path.suffix, "")
    return inner or ("zip" if packing == "zip" else "")


def unpacked_name(name: str) -> str:
    """Returns a file's name without .gz or .zip."""
    return str(PurePosixPath(name).with_suffix("")) if _packing(name) else name


def detect_kind(path: Path, name: str) -> tuple[str, str]:
    """Returns a file's kind, and how it is packed: nothing, ``gzip`` or ``zip``.

    Args:
        path: Where it lies.
        name: What it is called; its suffix counts where the first bytes do not tell.

    Raises:
        DataError: if it is of a kind that cannot be read, or its packing is damaged.
    """
    with path.open("rb") as stream:
        start = stream.read(START_BYTES)
    if start.startswith(GZIP_MAGIC):
        return _packed_kind(_gzip_start(path, name), unpacked_name(name), name), "gzip"
    if start.startswith(ZIP_MAGICS):
        with open_zip(path, name) as (member, inner):
            # What is in the archive may have no suffix of its own.
            inner_name = member if kind_of_name(member) else unpacked_name(name)
            return _packed_kind(_zip_start(inner, name), inner_name, name), "zip"
    return _kind(start, name, name), ""


@contextmanager
def open_zip(path: Path, name: str) -> Iterator[tuple[str, IO[bytes]]]:
    """Opens the one file of data in a zip archive: its name and its byte stream.

    Folders, hidden files and what macOS adds do not count. The member's name is only told, never
    a path to write to.

    Raises:
        DataError: if it is damaged or encrypted, or holds no file or several.
    """
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError) as error:
        raise _damaged(name, "zip", error) from error
    with archive:
        member = _only_member(archive, name)
        try:
            stream = archive.open(member)
        except (zipfile.BadZipFile, NotImplementedError, OSError) as error:
            raise _damaged(name, "zip", error) from error
        yield member.filename, stream


def _only_member(archive: zipfile.ZipFile, name: str) -> zipfile.ZipInfo:
    files = [item for item in archive.infolist() if not item.is_dir()]
    members = [
        item
        for item in files
        if not any(part.startswith((".", "__MACOSX")) for part in item.filename.split("/"))
    ]
    names = sorted(printable(item.filename) for item in members)
    if OFFICE_MEMBER in names:
        raise _not_readable(name, "an Excel workbook")
    if len(members) != 1:
        cause = f"it holds {shortened(names, 6)}" if names else "it is empty"
        if files and not names:
            hidden = shortened([printable(item.filename) for item in files], 6)
            cause = f"files that are hidden or lie outside it do not count: {hidden}"
        raise DataError(
            f"{name} is a zip archive of {len(members)} files",
            cause=cause,
            hint="unpack it to a folder and give that, or pack each file on its own",
        )
    if members[0].flag_bits & 1:
        raise DataError(
            f"{name} is encrypted", hint="unpack it with its password and give the file"
        )
    return members[0]


def printable(name: str) -> str:
    """Returns a name that comes from outside with its control characters escaped."""
    return "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in name)


def with_known_kind(data: str, names: Sequence[str], notes: list[str]) -> list[str]:
    """Returns the names of a folder's files that end as data does.

    Args:
        data: What was asked for, for errors.
        names: The files' names, relative to the folder.
        notes: Takes a sentence on what is left out.

    Raises:
        DataError: if there are files and none of them is known, or one is there packed and not.
    """
    known = [name for name in names if kind_of_name(name)]
    # What DVC writes beside data is read where it is checked.
    others = [Path(name) for name in names if not kind_of_name(name) and not name.endswith(".dvc")]
    counts = Counter(path.suffix or path.name for path in others)
    if counts and known:
        listed = ", ".join(f"{count} {printable(end)}" for end, count in sorted(counts.items()))
        notes.append(f"files in the folder of no known kind are left out: {listed}")
    if counts and not known:
        raise DataError(
            f"no {KIND_NAMES} file is in {data}",
            cause=f"there are files ending in {shortened(sorted(map(printable, counts)))}",
            choices=tuple(KINDS),
        )
    _check_not_twice(known)
    if any("=" in part for name in known for part in name.split("/")[:-1]):
        notes.append("names of folders such as year=2013 are not read as columns")
    return known


def _check_not_twice(names: Sequence[str]) -> None:
    bare = [name for name in names if unpacked_name(name) == name]
    plain = {known: name for name in bare for known in (name, str(Path(name).with_suffix("")))}
    for name in names:
        inner = unpacked_name(name)
        if inner != name and inner in plain:
            raise DataError(
                f"{printable(name)} and {printable(plain[inner])} look like the same data twice",
                hint="move one away, or give a pattern that takes only one of them",
            )


def _packing(name: str) -> str:
    return PACKINGS.get(PurePosixPath(name.casefold()).suffix, "")


def _zip_start(member: IO[bytes], name: str) -> bytes:
    try:
        return member.read(START_BYTES)
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        # The checksum of a member that is this short is checked at once.
        raise _damaged(name, "zip", error) from error


def _gzip_start(path: Path, name: str) -> bytes:
    try:
        with gzip.open(path, "rb") as stream:
            return stream.read(START_BYTES)
    except (OSError, EOFError, zlib.error) as error:
        raise _damaged(name, "gzip", error) from error


def _packed_kind(start: bytes, inner: str, name: str) -> str:
    kind = _kind(start, inner, name)
    if kind in MAGICS:
        raise _not_readable(name, f"{MAGICS[kind][1]} inside an archive")
    if start.startswith((GZIP_MAGIC, *ZIP_MAGICS)):
        raise _not_readable(name, "an archive inside an archive")
    return kind


def _kind(start: bytes, inner: str, name: str) -> str:
    for kind, (magics, _, _) in MAGICS.items():
        if start.startswith(magics):
            return kind
    for magic, what in UNREADABLE.items():
        if start.startswith(magic):
            raise _not_readable(name, what)
    if _is_tfrecord(start):
        return "tfrecord"
    suffix = PurePosixPath(inner.casefold()).suffix
    kind = KINDS.get(suffix, "")
    if kind in MAGICS:
        _, title, magic_text = MAGICS[kind]
        raise DataError(
            f"{name} is not a whole {title} file",
            cause=f"it does not start with the bytes {magic_text}" if start else "it is empty",
            hint="write or copy it again",
        )
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text.startswith(b"[") and suffix == ".json":
        raise _not_readable(name, "one JSON array")
    if kind != "tfrecord" and (suffix == ".json" or text.startswith((b'{"', b"{}"))):
        return "jsonl"
    return kind or "csv"


def _is_tfrecord(start: bytes) -> bool:
    """Says if a file starts with a length and that length's masked CRC, as TFRecords do."""
    if len(start) < 12 or 0 not in start[:8]:
        return False
    import google_crc32c

    return struct.pack("<I", masked(google_crc32c.value(start[:8]))) == start[8:12]


def masked(crc: int) -> int:
    """Returns a CRC-32C as TFRecord stores it: rotated by 15 bits, and a constant added."""
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def _not_readable(name: str, what: str) -> DataError:
    return DataError(
        f"{name} is {what}, which cannot be read",
        hint=f"unpack or export it to {KIND_NAMES} first",
    )


def _damaged(name: str, packing: str, error: Exception) -> DataError:
    return DataError(
        f"{name} is not a whole {packing} archive",
        cause=str(error) or type(error).__name__,
        hint="copy or write it again",
    )
