"""The text of a source as it would stand in a plain file: unpacked, decoded, cut into blocks."""

from __future__ import annotations

import codecs
import gzip
import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, TextIO, cast

import numpy as np
from numpy.typing import NDArray

from plimsoll.errors import DataError
from plimsoll.ingest.sources.file_kinds import open_zip
from plimsoll.ingest.sources.model import Source

BLOCK_BYTES = 1 << 24
"""Text is read so much at a time; a row cannot be longer."""
BUFFER_BYTES = 1 << 20
UTF8 = ("utf-8", "utf-8-sig")
QUOTE, NEWLINE, RETURN = ord('"'), ord("\n"), ord("\r")


@contextmanager
def open_unpacked(source: Source) -> Iterator[IO[bytes]]:
    """Opens a file's bytes, those inside the archive if it is packed.

    Raises:
        DataError: if the archive is cut off or damaged, also where that shows on reading.
    """
    try:
        if source.packed == "gzip":
            with gzip.open(source.path, "rb") as unzipped:
                yield cast(IO[bytes], unzipped)
        elif source.packed == "zip":
            with open_zip(source.path, source.name) as (_, stream):
                yield stream
        else:
            with source.path.open("rb", buffering=BUFFER_BYTES) as stream:
                yield stream
    except (EOFError, zlib.error, gzip.BadGzipFile, zipfile.BadZipFile) as error:
        raise DataError(
            f"{source.name} is not a whole {source.packed} archive",
            cause=str(error),
            hint="copy or write it again",
        ) from error
    except OSError as error:
        raise DataError(f"{source.name} cannot be read", cause=type(error).__name__) from error


@contextmanager
def open_text(source: Source, encoding: str, errors: str = "strict") -> Iterator[TextIO]:
    """Opens a file's text; line ends stay as they are."""
    with open_unpacked(source) as stream:
        yield io.TextIOWrapper(stream, encoding=encoding, errors=errors, newline="")


def utf8_chunks(source: Source, encoding: str) -> Iterator[bytes]:
    """Yields a file's text in UTF-8, in chunks cut anywhere, without a byte order mark.

    Raises:
        DataError: if the text is not of that encoding.
    """
    decoder = None if encoding in UTF8 else codecs.getincrementaldecoder(encoding)()
    with open_unpacked(source) as stream:
        first = True
        while chunk := stream.read(BLOCK_BYTES):
            if decoder is not None:
                chunk = _decoded(decoder, chunk, source)
            elif first:
                chunk = chunk.removeprefix(codecs.BOM_UTF8)
            first = False
            yield chunk
        if decoder is not None:
            yield _decoded(decoder, b"", source, final=True)


def row_blocks(chunks: Iterator[bytes], delimiter: str, name: str) -> Iterator[bytes]:
    """Yields the same text in blocks that end where a row of a CSV ends.

    Args:
        chunks: Text in UTF-8, cut anywhere.
        delimiter: What stands between fields.
        name: What to call the file in errors.

    Raises:
        DataError: if a row is longer than a block.
    """
    rest = b""
    for chunk in chunks:
        text = rest + chunk if rest else chunk
        end = _last_row_end(text, delimiter)
        if not end and len(text) >= BLOCK_BYTES:
            raise unreadable_csv(name)
        if end:
            yield text[:end]
        rest = text[end:]
    if rest:
        yield rest


def unreadable_csv(name: str) -> DataError:
    """Returns the error for a file that cannot be taken apart into rows."""
    return DataError(
        f"{name} cannot be read as CSV",
        cause=f"a row is longer than {BLOCK_BYTES:,} bytes, or a quote is in a wrong place",
        hint="look for a double quote that is opened and not closed",
    )


def _decoded(
    decoder: codecs.IncrementalDecoder, chunk: bytes, source: Source, *, final: bool = False
) -> bytes:
    try:
        return decoder.decode(chunk, final).encode()
    except UnicodeError as error:
        raise DataError(f"{source.name} cannot be read", cause=type(error).__name__) from error


def _last_row_end(text: bytes, delimiter: str) -> int:
    """Returns where the last whole row of a text ends that starts with a row; 0: nowhere."""
    if b'"' not in text:
        return _after_last_break(text)
    signs = np.frombuffer(text, dtype=np.uint8)
    quotes = np.flatnonzero(signs == QUOTE)
    if _all_open_or_close(signs, quotes, delimiter):
        starts, stops = quotes[::2], quotes[1::2]
    else:
        starts, stops = _quoted_fields(text, delimiter)
    # From the last quoted field back, whatever lies behind one is not quoted.
    if len(starts) > len(stops):
        stop, starts = int(starts[-1]), starts[:-1]
    else:
        stop = len(text)
    for start, closed in zip(map(int, starts[::-1]), map(int, stops[::-1]), strict=True):
        end = _after_last_break(text, closed + 1, stop)
        if end:
            return end
        stop = start
    return _after_last_break(text, 0, stop)


def _after_last_break(text: bytes, start: int = 0, stop: int | None = None) -> int:
    stop = len(text) if stop is None else stop
    end = text.rfind(b"\n", start, stop) + 1
    # A carriage return at the end may be half of a line break.
    return end or text.rfind(b"\r", start, min(stop, len(text) - 1)) + 1


def _all_open_or_close(signs: NDArray[np.uint8], quotes: NDArray[np.int64], delimiter: str) -> bool:
    """Says if each quote opens or closes a field, or is doubled inside one; none is a letter."""
    opening = quotes[::2]
    before = signs[opening[1:] - 1] if opening[0] == 0 else signs[opening - 1]
    return bool(np.isin(before, [ord(delimiter), NEWLINE, RETURN, QUOTE]).all())


def _quoted_fields(text: bytes, delimiter: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Returns where quoted fields start and where their last quotes are, if they have one."""
    pattern = rb"(?:\A|(?<=[\n\r" + re.escape(delimiter.encode()) + rb']))"(?:[^"]|"")*("?)'
    starts, stops = [], []
    for match in re.finditer(pattern, text):
        starts.append(match.start())
        if match.group(1):
            stops.append(match.end() - 1)
    return np.asarray(starts, dtype=np.int64), np.asarray(stops, dtype=np.int64)
