"""Which module reads which kind of file."""

from collections.abc import Collection, Sequence

from plimsoll.ingest.readers.read_files import FileReader
from plimsoll.ingest.sources.model import Source


def open_files(sources: Sequence[Source], skip: Collection[str]) -> list[FileReader]:
    """Opens files so that their rows can be read.

    Raises:
        DataError: if one cannot be read.
    """
    return [_opened(source, skip) for source in sources]


def _opened(source: Source, skip: Collection[str]) -> FileReader:
    # Each reader imports what it alone needs; TensorFlow's takes seconds.
    if source.kind == "csv":
        from plimsoll.ingest.readers.csv_files import CsvFile

        return CsvFile(source, skip)
    if source.kind == "jsonl":
        from plimsoll.ingest.readers.json_lines import JsonLines

        return JsonLines(source, skip)
    if source.kind == "parquet":
        from plimsoll.ingest.readers.columnar_files import ParquetFile

        return ParquetFile(source, skip)
    if source.kind == "arrow":
        from plimsoll.ingest.readers.columnar_files import ArrowFile

        return ArrowFile(source, skip)
    from plimsoll.ingest.readers.tfrecord_files import TfRecords

    return TfRecords(source, skip)
