"""In which order rows are learnt from: a pure function of the seed, the epoch and the position.

Rows are cut into blocks that lie together on disk. An epoch draws the blocks in a random order,
some hundred at a time, and shuffles the rows of such a window. Data that fit into one window are
so shuffled as a whole; larger data are read block by block and never need to be in memory. Rows
that are resident follow the same order: where the rows lie does not change what is learnt.
"""

import hashlib
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
import torch
from numpy.typing import NDArray

BLOCK_BYTES = 1 << 17
WINDOW_BLOCKS = 512


@dataclass(frozen=True, kw_only=True)
class BlockShuffleSampler:
    """The order of a training split's rows in every epoch."""

    rows: int
    seed: int
    block: int
    """Rows a block; the last block may be shorter."""
    blocks: int = WINDOW_BLOCKS
    """Blocks a window."""

    def window_bounds(self, epoch: int) -> list[int]:
        """Returns the positions where each window begins, and where the last one ends."""
        last_block, lacking = -(-self.rows // self.block) - 1, -self.rows % self.block
        counts = [
            len(blocks) * self.block - (lacking if last_block in blocks else 0)
            for blocks in self._windows(epoch)
        ]
        return list(accumulate(counts, initial=0))

    def window_rows(self, epoch: int, number: int) -> NDArray[np.int64]:
        """Returns the rows' indices of a window, in the order in which they are learnt from."""
        starts = self._windows(epoch)[number] * self.block
        rows = (starts[:, None] + np.arange(self.block)).ravel()
        rows = rows[rows < self.rows]
        drawn = torch.randperm(
            len(rows), generator=seeded_generator(self.seed, "rows", epoch, number)
        )
        return np.asarray(rows[drawn.numpy()], np.int64)

    def _windows(self, epoch: int) -> list[NDArray[np.int64]]:
        count = -(-self.rows // self.block)
        drawn = torch.randperm(
            count, generator=seeded_generator(self.seed, "blocks", epoch)
        ).numpy()
        return list(np.split(drawn, range(self.blocks, count, self.blocks)))


def sampler_for(rows: int, row_bytes: int, seed: int) -> BlockShuffleSampler:
    """Returns the order of a split: blocks of about 128 KiB, windows of about 64 MiB.

    Args:
        rows: Rows of the split.
        row_bytes: Bytes of one row's inputs and label.
        seed: The training's seed.
    """
    return BlockShuffleSampler(rows=rows, seed=seed, block=max(1, BLOCK_BYTES // max(1, row_bytes)))


@dataclass(frozen=True, kw_only=True)
class BatchPartition:
    """How each batch is cut among the processes: neighbours in the order, as even as can be."""

    rows: int
    batch: int
    """Rows a step, all processes together; the last step of an epoch may have fewer."""
    rank: int = 0
    size: int = 1

    @property
    def steps(self) -> int:
        """Steps an epoch."""
        return -(-self.rows // self.batch)

    def global_rows(self, step: int) -> int:
        """Returns the rows of a step of an epoch, from 0, in all processes together."""
        return min(self.batch, self.rows - step * self.batch)

    def bounds(self, step: int) -> tuple[int, int]:
        """Returns the positions, from and up to, of this process's part of a step."""
        start, rows = step * self.batch, self.global_rows(step)
        begin, end = self.rank * rows // self.size, (self.rank + 1) * rows // self.size
        return start + begin, start + end

    def is_owned(self, positions: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Returns which positions are this process's."""
        steps, offsets = np.divmod(positions, self.batch)
        rows = np.minimum(self.batch, self.rows - steps * self.batch)
        begin, end = self.rank * rows // self.size, (self.rank + 1) * rows // self.size
        return np.asarray((offsets >= begin) & (offsets < end))


def derived_seed(seed: int, *position: object) -> int:
    """Returns a seed of 63 bits for a position: neighbours have nothing in common."""
    text = "/".join(map(str, (seed, *position)))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def seeded_generator(seed: int, *position: object) -> torch.Generator:
    """Returns a generator that depends on the seed and a position alone."""
    return torch.Generator().manual_seed(derived_seed(seed, *position))
