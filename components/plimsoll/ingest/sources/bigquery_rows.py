"""Rows of a BigQuery table as Arrow record batches: by its storage reads, or else by REST.

Storage reads come as one stream, so that rows keep the order of a query, and are taken up where a
cut connection left them.
"""

import os
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from plimsoll.ingest.config import IngestConfig
from plimsoll.storage import retries

REST_EMULATOR = "BIGQUERY_EMULATOR_HOST"
STORAGE_EMULATOR = "BIGQUERY_STORAGE_EMULATOR_HOST"
"""``host:port`` of a server of the storage reads without encryption."""
PROBE_SECONDS = 30.0
"""How long it may take to find out that the storage reads cannot be used."""
PAGE_ROWS = 10_000


def storage_client(client: Any) -> Any:
    """Returns a client of the storage reads, or None where only REST can be used.

    Args:
        client: The BigQuery client whose credentials it uses.
    """
    try:
        with retries.quiet():
            from google.cloud.bigquery_storage_v1.services.big_query_read import BigQueryReadClient
            from google.cloud.bigquery_storage_v1.services.big_query_read.transports import (
                BigQueryReadGrpcTransport,
            )
    except ImportError:
        return None
    emulator = os.environ.get(STORAGE_EMULATOR)
    if emulator:
        import grpc

        channel = grpc.insecure_channel(emulator)
        return BigQueryReadClient(transport=BigQueryReadGrpcTransport(channel=channel))
    if os.environ.get(REST_EMULATOR):
        return None
    return BigQueryReadClient(credentials=client._credentials)


def by_storage(
    reader: Any, project: str, table: Any, config: IngestConfig
) -> Iterator[pa.RecordBatch]:
    """Reads a table by one storage stream.

    Args:
        reader: The client.
        project: Who pays.
        table: A ``TableReference``.
        config: How long to try again.

    Raises:
        google.api_core.exceptions.GoogleAPIError: if it cannot be read.
    """
    from google.cloud.bigquery_storage_v1 import types

    options = types.ArrowSerializationOptions(
        buffer_compression=types.ArrowSerializationOptions.CompressionCodec.LZ4_FRAME
    )
    session = reader.create_read_session(
        parent=f"projects/{project}",
        read_session=types.ReadSession(
            table=table.to_bqstorage(),
            data_format=types.DataFormat.ARROW,
            read_options=types.ReadSession.TableReadOptions(arrow_serialization_options=options),
        ),
        max_stream_count=1,
        retry=retries.retry(min(PROBE_SECONDS, config.retry_seconds)),
        timeout=PROBE_SECONDS,
    )
    schema = pa.ipc.read_schema(pa.py_buffer(session.arrow_schema.serialized_schema))
    yield pa.RecordBatch.from_arrays([pa.nulls(0, kind) for kind in schema.types], schema=schema)
    for stream in session.streams:
        for message in _messages(reader, stream.name, config):
            content = message.arrow_record_batch.serialized_record_batch
            yield pa.ipc.read_record_batch(pa.py_buffer(content), schema)


def by_rest(client: Any, table: Any, config: IngestConfig) -> Iterator[pa.RecordBatch]:
    """Reads a table page by page.

    Args:
        client: The BigQuery client.
        table: A ``Table`` with its schema.
        config: How long to try again.

    Raises:
        google.api_core.exceptions.GoogleAPIError: if it cannot be read.
    """
    rows = client.list_rows(
        table,
        page_size=PAGE_ROWS,
        retry=retries.retry(config.retry_seconds),
        timeout=retries.REQUEST_SECONDS[1],
    )
    yield from rows.to_arrow_iterable()


def _messages(reader: Any, name: str, config: IngestConfig) -> Iterator[Any]:
    offset = 0
    waits = retries.Waits(config.retry_seconds)
    while True:
        try:
            answers = reader.read_rows(
                read_stream=name, offset=offset, retry=None, timeout=config.query_seconds
            )
            for message in answers:
                yield message
                offset += int(message.row_count)
                waits.progress()
        except Exception as error:
            waits.wait(error)
        else:
            return
