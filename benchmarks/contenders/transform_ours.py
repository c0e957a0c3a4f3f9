"""Ours: the whole step, from checking the data set's digests to the digests of the arrays."""

from pathlib import Path

import clock
import pandas  # noqa: F401  (pyarrow does, with its first array)
import tfx_bsl.sketches  # noqa: F401  (imports are not timed)

from plimsoll.transform.config import TransformConfig
from plimsoll.transform.core import transform_dataset


def work(dataset: Path, folder: Path) -> object:
    """Returns what the step says that it made."""
    done = transform_dataset(
        dataset,
        folder / "schema",
        folder / "transform",
        folder / "examples",
        TransformConfig(),
        folder / "report.html",
    )
    return done.notes[0]


if __name__ == "__main__":
    clock.timed(work)
