"""What data a text names, where it lies: every file of it here and whole, and what it came from."""

from pathlib import Path

from plimsoll.errors import DataError
from plimsoll.ingest.config import DEFAULT, IngestConfig
from plimsoll.ingest.sources.model import ResolvedSources

MOST_CHARACTERS = 200


def resolve(
    data: str, scratch: Path, notes: list[str], config: IngestConfig = DEFAULT
) -> ResolvedSources:
    """Finds data, and fetches what does not lie on this machine.

    Args:
        data: A file, a folder or a glob pattern, on this machine or under ``gs://``; a pattern
            with ``{SPAN}``, ``{YYYY}{MM}{DD}`` or ``{VERSION}``; ``bigquery://`` and a table, or
            ``bigquery:`` and a query.
        scratch: A folder of the caller's for what is fetched; kept until the last read.
        notes: Takes a sentence for each thing left out.
        config: Which spans are read, and how the data is fetched.

    Raises:
        ConfigError: if ``data`` is no address or pattern.
        DataError: if there is none, it cannot be read, or a file is of no kind that can be.
        GateError: if there are fewer spans than asked for.
    """
    if data.startswith(("gs:", "bigquery:")):
        if data.startswith("gs:"):
            from plimsoll.ingest.sources.gcs import resolve_objects

            return resolve_objects(data, scratch, notes, config)
        from plimsoll.ingest.sources.bigquery import resolve_rows

        return resolve_rows(data, scratch, notes, config)
    if "://" in data:
        raise DataError(
            f"{data} is an address of a kind that cannot be read",
            choices=("a path", "gs://bucket/object", "bigquery://project.dataset.table"),
            hint="copy the data to a folder, or mount its bucket, and give that path",
        )
    from plimsoll.ingest.sources.local_files import resolve_files

    try:
        return resolve_files(data, notes, config)
    except OSError as error:
        raise DataError(
            f"{data[:MOST_CHARACTERS]} cannot be read",
            cause=f"{error.strerror or type(error).__name__}: {Path(str(error.filename)).name}"[
                :MOST_CHARACTERS
            ],
            hint="check the path, and that this account may read it",
        ) from error


def check_unchanged(resolved: ResolvedSources) -> None:
    """Checks that no file changed since it was found, as one that is still being written does.

    Raises:
        DataError: if one did.
    """
    for source in resolved.sources:
        if "modified_ns" not in source.version:
            continue
        status = source.path.stat() if source.path.exists() else None
        now = (status.st_size, str(status.st_mtime_ns)) if status else None
        if now != (source.bytes, source.version["modified_ns"]):
            raise DataError(
                f"{source.name} changed while it was read",
                hint="run again when nothing writes to it any more",
            )
