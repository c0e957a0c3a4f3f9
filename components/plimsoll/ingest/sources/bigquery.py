"""Finds data in BigQuery: a table, or what a query answers, as an Arrow file in the scratch folder.

Needs google-cloud-bigquery, which is imported by the first call; with google-cloud-bigquery-storage
rows come faster. Where BIGQUERY_EMULATOR_HOST is set, that host is asked, anonymously.
"""

import os
import re
from collections.abc import Iterator, Mapping
from concurrent.futures import TimeoutError as Late
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa

from plimsoll.errors import ConfigError, DataError, EnvironmentBuildError, nearest
from plimsoll.ingest.config import IngestConfig
from plimsoll.ingest.sources import bigquery_rows
from plimsoll.ingest.sources.model import ResolvedSources, Source
from plimsoll.storage import retries
from plimsoll.storage.files import digest_bytes, digest_file

SCHEME, QUERY = "bigquery://", "bigquery:"
TABLE = re.compile(r"([a-z][a-z0-9.:-]{4,62}[a-z0-9])\.([A-Za-z0-9_]{1,1024})\.([^.`\n]{1,1024})")
STORED = ("TABLE", "SNAPSHOT", "CLONE")
CHUNK_ROWS = 1 << 14
"""Rows of a batch in the file, whatever the service sent, so that its bytes are the rows' alone."""
JOB = "plimsoll_ingest"


def resolve_rows(
    data: str, scratch: Path, notes: list[str], config: IngestConfig
) -> ResolvedSources:
    """Reads a table or a query's answer to one Arrow file.

    Args:
        data: ``bigquery://project.dataset.table``, or ``bigquery:`` and a query.
        scratch: The folder to write to.
        notes: Takes a sentence where the slower way had to be taken.
        config: The project, the bounds on bytes and time.

    Raises:
        ConfigError: if ``data`` is neither.
        DataError: if it cannot be read, or changed while it was read.
        EnvironmentBuildError: if google-cloud-bigquery is not installed.
    """
    connection = _Connection(config, notes)
    path = scratch / "fetched" / "bigquery.arrow"
    if data.startswith(SCHEME):
        name = data.removeprefix(SCHEME)
        match = TABLE.fullmatch(name)
        if not match:
            raise ConfigError(
                f"{data} is no address of a table",
                hint="write it as bigquery://project.dataset.table",
            )
        return connection.table(name, path)
    return connection.query(data.removeprefix(QUERY).strip(), path)


class _Connection:
    """One connection to BigQuery, and what it was asked for."""

    def __init__(self, config: IngestConfig, notes: list[str]) -> None:
        self._config = config
        self._notes = notes
        _check_installed()
        with _translate_errors(QUERY):
            self._client = _client(config)
        self._retry = retries.retry(config.retry_seconds)

    def table(self, name: str, path: Path) -> ResolvedSources:
        """Reads a table as it is stored; of a view, what it answers.

        Raises:
            DataError: if it cannot be read whole, or changed meanwhile.
        """
        before = self._table(name)
        if before.table_type not in STORED:
            return self.query(f"SELECT * FROM `{name}`", path, named=name)
        rows = self._write(before, path)
        after = self._table(name)
        if after.etag != before.etag:
            raise DataError(
                f"{SCHEME}{name} changed while it was read",
                cause=f"its etag was {before.etag} and is {after.etag}",
                hint="run again when nothing writes to it any more, or read a snapshot of it",
            )
        if before.streaming_buffer is None:
            _check_whole(f"{SCHEME}{name}", rows, before.num_rows)
        version = {"etag": str(before.etag), "modified": before.modified.isoformat()}
        return _result(path, name, f"{SCHEME}{name}", version, {"table": name})

    def query(self, text: str, path: Path, named: str = "") -> ResolvedSources:
        """Reads what a query answers, from the table that BigQuery keeps its answer in.

        Args:
            text: The query.
            path: Where the Arrow file comes to be.
            named: The view whose rows it selects; empty: it is the user's own.

        Raises:
            ConfigError: if it is empty, or no SELECT.
            DataError: if it reads more than the config allows, or cannot be answered.
        """
        if not text:
            raise ConfigError("the query is empty", hint="write it as bigquery:SELECT ...")
        what = f"{SCHEME}{named}" if named else "the query"
        self._check_reads_only(text, what)
        job = self._run_job(text, what)
        table = self._table(str(job.destination), job.destination)
        rows = self._write(table, path)
        _check_whole(what, rows, table.num_rows)
        version = {
            "job": str(job.job_id),
            "bytes_billed": str(job.total_bytes_billed or 0),
            "cached": str(bool(job.cache_hit)).lower(),
        }
        tables = sorted(f"{t.project}.{t.dataset_id}.{t.table_id}" for t in job.referenced_tables)
        # Not its text, which may hold values that are nobody's business: a manifest travels far.
        lineage = {"query_sha256": digest_bytes(text.encode()), "tables": tables}
        return _result(
            path, named or "query", f"{SCHEME}{named}" if named else QUERY, version, lineage
        )

    def _table(self, name: str, reference: Any = None) -> Any:
        from google.api_core.exceptions import NotFound

        with _translate_errors(f"{SCHEME}{name}", self._client):
            try:
                return self._client.get_table(
                    reference or name, retry=self._retry, timeout=retries.REQUEST_SECONDS[1]
                )
            except NotFound as error:
                raise DataError(
                    f"there is no table {name}",
                    cause=self._nearest(name),
                    hint="check the project, the dataset and the table",
                ) from error

    def _nearest(self, name: str) -> str:
        from google.api_core.exceptions import NotFound

        dataset, _, table = name.rpartition(".")
        try:
            beside = [
                item.table_id
                for item in self._client.list_tables(dataset, max_results=1000, retry=self._retry)
            ]
        except NotFound:
            return f"there is no dataset {dataset}"
        return nearest(table, beside)

    def _check_reads_only(self, text: str, what: str) -> None:
        """Asks BigQuery what a query would do, which costs nothing and runs nothing."""
        with _translate_errors(what, self._client):
            job = self._start_job(text, dry=True)
        if job.statement_type != "SELECT":
            raise ConfigError(
                f"{what} is no SELECT", cause=f"BigQuery takes it as {job.statement_type}"
            )
        most = self._config.max_bytes_billed
        if most and job.total_bytes_processed > most:
            raise DataError(
                f"{what} would read {job.total_bytes_processed:,} bytes",
                cause=f"max_bytes_billed allows {most:,}",
                hint="read fewer columns or partitions, or raise max_bytes_billed",
            )

    def _run_job(self, text: str, what: str) -> Any:
        def done() -> Any:
            job = self._start_job(text, dry=False)
            job.result(retry=self._retry, timeout=self._config.query_seconds, job_retry=None)
            return job

        with _translate_errors(what, self._client):
            # A job that failed on BigQuery's side is started anew.
            return self._retry(done)()

    def _start_job(self, text: str, *, dry: bool) -> Any:
        from google.cloud import bigquery

        job_config = bigquery.QueryJobConfig(dry_run=dry, use_query_cache=not dry)
        if self._config.max_bytes_billed and not dry:
            job_config.maximum_bytes_billed = self._config.max_bytes_billed
        if not dry:
            job_config.job_timeout_ms = int(self._config.query_seconds * 1000)
            job_config.labels = {"made_by": JOB}
        # The client's own job_retry goes on for many minutes whatever the time that is given.
        return self._client.query(
            text,
            job_config=job_config,
            retry=self._retry,
            timeout=retries.REQUEST_SECONDS[1],
            job_retry=None,
        )

    def _write(self, table: Any, path: Path) -> int:
        """Writes a table's rows; returns how many. REST stands in where storage reads cannot."""
        from google.api_core.exceptions import GoogleAPIError

        reader = bigquery_rows.storage_client(self._client)
        why = "google-cloud-bigquery-storage is not installed or not asked"
        if reader is not None:
            batches = bigquery_rows.by_storage(
                reader, self._client.project, table.reference, self._config
            )
            try:
                return _write(batches, path)
            except GoogleAPIError as error:
                why = type(error).__name__
        self._notes.append(f"BigQuery was read through REST, which is slower: {why}")
        with _translate_errors(f"{SCHEME}{table.full_table_id}", self._client):
            return _write(bigquery_rows.by_rest(self._client, table, self._config), path)


def _write(batches: Iterator[pa.RecordBatch], path: Path) -> int:
    """Writes batches as an Arrow file of even chunks: aside, synced, renamed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.part")
    rows = 0
    try:
        with aside.open("wb") as stream:
            rows = _write_chunks(batches, stream)
            stream.flush()
            os.fsync(stream.fileno())
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
    return rows


def _write_chunks(batches: Iterator[pa.RecordBatch], stream: Any) -> int:
    first = next(batches)
    schema = pa.schema([pa.field(item.name, item.type) for item in first.schema])
    waiting, count, rows = [first], first.num_rows, 0
    with pa.ipc.new_file(stream, schema) as writer:
        for batch in batches:
            waiting.append(batch)
            count += batch.num_rows
            if count >= CHUNK_ROWS:
                table = _joined(waiting, schema)
                whole = count - count % CHUNK_ROWS
                writer.write_table(table.slice(0, whole), max_chunksize=CHUNK_ROWS)
                rows += whole
                waiting, count = table.slice(whole).to_batches(), count - whole
        if count:
            writer.write_table(_joined(waiting, schema), max_chunksize=CHUNK_ROWS)
    return int(rows + count)


def _joined(batches: list[pa.RecordBatch], schema: pa.Schema) -> pa.Table:
    plain = [pa.RecordBatch.from_arrays(batch.columns, schema=schema) for batch in batches]
    return pa.Table.from_batches(plain, schema).combine_chunks()


def _result(
    path: Path, name: str, uri: str, version: Mapping[str, str], lineage: Mapping[str, Any]
) -> ResolvedSources:
    source = Source(
        path=path,
        name=name,
        kind="arrow",
        bytes=path.stat().st_size,
        sha256=digest_file(path),
        uri=uri,
        version=version,
    )
    # A record without files or objects never holds: what a database answers is asked again.
    return ResolvedSources(sources=(source,), provenance={"uri": uri}, lineage=lineage)


def _check_whole(what: str, rows: int, expected: int | None) -> None:
    if expected is not None and rows != expected:
        raise DataError(
            f"{what} did not come whole",
            cause=f"{rows:,} of {expected:,} rows came",
            hint="run again",
        )


@contextmanager
def _translate_errors(what: str, client: Any = None) -> Iterator[None]:
    from google.api_core.exceptions import BadRequest, GoogleAPIError
    from google.auth.exceptions import GoogleAuthError

    try:
        yield
    except Late as error:
        raise DataError(
            f"{what} took too long",
            hint="ask for less, or raise query_seconds",
        ) from error
    except BadRequest as error:
        raise DataError(
            f"BigQuery refuses {what}", cause=retries.reason(error), hint="mend the query"
        ) from error
    except (GoogleAPIError, GoogleAuthError) as error:
        raise retries.storage_error(error, what, retries.account_of(client)) from error


def _check_installed() -> None:
    try:
        with retries.quiet():
            import google.cloud.bigquery  # noqa: F401
    except ImportError as error:
        raise EnvironmentBuildError(
            "reading BigQuery needs google-cloud-bigquery, which is not installed here",
            hint="pip install 'kfp-plimsoll[bigquery]'",
        ) from error


def _client(config: IngestConfig) -> Any:
    from google.cloud import bigquery

    credentials = retries.credentials_for(bigquery_rows.REST_EMULATOR)
    if credentials:
        return bigquery.Client(project=config.project or "none", credentials=credentials)
    try:
        return bigquery.Client(project=config.project or None)
    except OSError as error:
        raise ConfigError(
            "BigQuery needs a project to run its jobs in, and the account names none",
            hint='name it in ingest\'s config: {"project": "my-project"}',
        ) from error
