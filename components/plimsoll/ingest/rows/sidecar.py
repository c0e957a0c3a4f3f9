"""Numbers that go with the rows, one a row, in the rows' order: few of them stay in memory."""

import uuid
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

IN_MEMORY = 1 << 26
"""Bytes."""


class Sidecar:
    """Numbers of one kind that are written once, in order, and then read in order.

    Args:
        kind: The numbers' type.
        folder: Where they lie if they are many.
    """

    def __init__(self, kind: Any, folder: Path) -> None:
        self._kind = np.dtype(kind)
        self._memory = bytearray()
        self._path = folder / f"{uuid.uuid4().hex}.{self._kind.name}"
        self._read = 0
        self.length = 0

    def append(self, numbers: NDArray[Any]) -> None:
        """Takes more numbers."""
        self._memory += np.ascontiguousarray(numbers, dtype=self._kind).tobytes()
        self.length += len(numbers)
        if len(self._memory) > IN_MEMORY:
            with self._path.open("ab") as file:
                file.write(self._memory)
            self._memory = bytearray()

    def rewind(self) -> None:
        """Makes the next read start at the first number."""
        self._read = 0

    def read(self, count: int) -> NDArray[Any]:
        """Returns the next numbers."""
        start = self._read * self._kind.itemsize
        size = count * self._kind.itemsize
        self._read += count
        written = self._path.stat().st_size if self._path.exists() else 0
        content = b""
        if start < written:
            with self._path.open("rb") as file:
                file.seek(start)
                content = file.read(size)
        if len(content) < size:
            rest = start + len(content) - written
            content += bytes(self._memory[rest : rest + size - len(content)])
        return np.frombuffer(content, dtype=self._kind)

    def discard(self) -> None:
        """Forgets the numbers."""
        self._memory = bytearray()
        self._path.unlink(missing_ok=True)
        self.length = 0
