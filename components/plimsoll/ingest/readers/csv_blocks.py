"""Cuts a CSV's text into blocks of whole rows, so that each can be parsed by itself."""

import re
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from plimsoll.errors import DataError
from plimsoll.ingest.readers.text_streams import BLOCK_BYTES, whole_records

QUOTE, NEWLINE, RETURN = ord('"'), ord("\n"), ord("\r")


def row_blocks(chunks: Iterator[bytes], delimiter: str, name: str) -> Iterator[bytes]:
    """Yields the same text in blocks that end where a row of a CSV ends.

    Args:
        chunks: Text in UTF-8, cut anywhere.
        delimiter: What stands between fields.
        name: What to call the file in errors.

    Raises:
        DataError: if a row is longer than a block.
    """
    return whole_records(chunks, lambda text: _last_row_end(text, delimiter), unreadable_csv(name))


def unreadable_csv(name: str) -> DataError:
    """Returns the error for a file that cannot be taken apart into rows."""
    return DataError(
        f"{name} cannot be read as CSV",
        cause=f"a row is longer than {BLOCK_BYTES:,} bytes, or a quote is in a wrong place",
        hint="look for a double quote that is opened and not closed",
    )


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
