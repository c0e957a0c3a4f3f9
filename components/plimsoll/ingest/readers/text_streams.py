"""The text of a source as it would stand in a plain file: unpacked and decoded."""

import codecs
import gzip
import io
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, TextIO, cast

from plimsoll.errors import DataError
from plimsoll.ingest.sources.file_kinds import open_zip
from plimsoll.ingest.sources.model import Source

BLOCK_BYTES = 1 << 24
"""Text is read so much at a time; a row cannot be longer."""
BUFFER_BYTES = 1 << 20
UTF8 = ("utf-8", "utf-8-sig")


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


def whole_records(
    chunks: Iterator[bytes], last_end: Callable[[bytes], int], too_long: DataError
) -> Iterator[bytes]:
    """Yields the same text in blocks of whole records.

    Args:
        chunks: Text cut anywhere.
        last_end: Returns where the last whole record of a text ends that starts with one; 0: it
            holds none.
        too_long: Is raised where a record is longer than a block.

    Raises:
        DataError: ``too_long``.
    """
    rest = b""
    for chunk in chunks:
        text = rest + chunk if rest else chunk
        end = last_end(text)
        if not end and len(text) >= BLOCK_BYTES:
            raise too_long
        if end:
            yield text[:end]
        rest = text[end:]
    if rest:
        yield rest


def _decoded(
    decoder: codecs.IncrementalDecoder, chunk: bytes, source: Source, *, final: bool = False
) -> bytes:
    try:
        return decoder.decode(chunk, final).encode()
    except UnicodeError as error:
        raise DataError(f"{source.name} cannot be read", cause=type(error).__name__) from error
