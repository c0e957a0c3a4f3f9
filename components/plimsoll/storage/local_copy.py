"""A folder that a step reads outside its inputs: here as it lies, or fetched from a bucket."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from plimsoll.storage import provenance

REMOTE = "gs://"


@contextmanager
def local_copy(location: str) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Gives a folder to read, and a record by which a later run can tell if it is the same.

    Args:
        location: A folder, or a ``gs://`` prefix, whose objects are there until the end.

    Raises:
        DataError: if nothing lies below the prefix, or an object cannot be read.
    """
    if not location.startswith(REMOTE):
        yield Path(location), provenance.observe(location)
        return
    from plimsoll.storage import gcs, gcs_listing

    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "fetched"
        objects = gcs.fetch_folder(location, folder)
        generations = gcs_listing.by_generation(objects)
        yield folder, {"uri": location, "folders": False, "objects": generations}
