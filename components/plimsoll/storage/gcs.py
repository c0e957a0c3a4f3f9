"""Cloud Storage: objects listed with their generations and fetched whole, folders both ways.

What is read is pinned to the generation that was listed: an object that is overwritten or deleted
meanwhile is an error that names both, never a mixture. Needs google-cloud-storage, which is
imported by the first call. Where STORAGE_EMULATOR_HOST is set, that host is asked, anonymously.
"""

import base64
import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from plimsoll.errors import ConfigError, DataError, EnvironmentBuildError, nearest, shortened
from plimsoll.storage import retries
from plimsoll.storage.files import files_below, folder_written_whole

SCHEME = "gs://"
EMULATOR = "STORAGE_EMULATOR_HOST"
CHUNK_BYTES = 1 << 24
"""Of one ranged read: what a cut connection costs, and the memory of one thread."""
FIELDS = "items(name,generation,size,crc32c),nextPageToken"
BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")
SHOWN = 1000
"""Names looked at for one that is near."""


@dataclass(frozen=True, kw_only=True)
class Object:
    """One object as it was listed."""

    bucket: str
    name: str
    generation: int
    bytes: int
    crc32c: str
    """In base64, big-endian, as the service tells it."""

    @property
    def uri(self) -> str:
        """Its address."""
        return f"{SCHEME}{self.bucket}/{self.name}"


@dataclass(frozen=True, kw_only=True)
class FetchedObject:
    """An object that lies on this machine."""

    object: Object
    path: Path
    sha256: str


class GcsClient:
    """A connection to Cloud Storage.

    Args:
        seconds: How long a request is tried again before it is given up.

    Raises:
        EnvironmentBuildError: if google-cloud-storage is not installed.
        DataError: if there are no credentials.
    """

    def __init__(self, seconds: float = retries.SECONDS) -> None:
        _check_installed()
        self._retry = retries.retry(seconds)
        with self._translate_errors(SCHEME):
            self._client = _client()

    def get(self, bucket: str, name: str) -> Object | None:
        """Returns one object as it is now, or None.

        Raises:
            DataError: if the bucket cannot be read.
        """
        with self._translate_errors(f"{SCHEME}{bucket}/{name}"):
            blob = self._client.bucket(bucket).get_blob(
                name, retry=self._retry, timeout=retries.REQUEST_SECONDS
            )
        return _object(bucket, blob) if blob else None

    def listed(self, bucket: str, prefix: str, most: int | None = None) -> list[Object]:
        """Returns the objects whose names start with ``prefix``, sorted by name.

        Objects whose names end in a slash, which consoles make as folders, are left out.

        Args:
            bucket: The bucket.
            prefix: What names start with; empty: all.
            most: How many at most; None: all.

        Raises:
            DataError: if there is no such bucket, or it cannot be read.
        """
        from google.api_core.exceptions import NotFound

        with self._translate_errors(f"{SCHEME}{bucket}/{prefix}"):
            try:
                objects = [
                    _object(bucket, blob)
                    for blob in self._client.list_blobs(
                        bucket,
                        prefix=prefix or None,
                        fields=FIELDS,
                        max_results=most,
                        retry=self._retry,
                        timeout=retries.REQUEST_SECONDS,
                    )
                ]
            except NotFound as error:
                raise DataError(
                    f"there is no bucket {bucket}", hint="check its name, and the project's"
                ) from error
        return sorted(
            (item for item in objects if not item.name.endswith("/")), key=lambda item: item.name
        )

    def fetch(self, item: Object, path: Path) -> FetchedObject:
        """Fetches an object's listed generation: aside, checked, synced, renamed.

        Raises:
            DataError: if it is gone or was overwritten, cannot be read, or its content is not
                what its checksum says.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = path.with_name(f".{path.name}.part")
        try:
            sha256 = self._fetch_aside(item, aside)
            aside.replace(path)
        finally:
            aside.unlink(missing_ok=True)
        return FetchedObject(object=item, path=path, sha256=sha256)

    def fetch_all(
        self, items: Sequence[Object], paths: Sequence[Path], threads: int = 4
    ) -> list[FetchedObject]:
        """Fetches objects to paths, several at a time; the first error ends it.

        Raises:
            DataError: as ``fetch`` does.
        """
        pool = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="gcs")
        try:
            return list(pool.map(self.fetch, items, paths))
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def put(self, path: Path, bucket: str, name: str, *, only_new: bool = False) -> bool:
        """Writes a file as an object, which appears whole or not at all.

        Args:
            path: The file.
            bucket: The bucket.
            name: The object's name.
            only_new: Whether an object of that name stays as it is.

        Returns:
            False where ``only_new`` and one is there.

        Raises:
            DataError: if it cannot be written.
        """
        from google.api_core.exceptions import PreconditionFailed

        with self._translate_errors(f"{SCHEME}{bucket}/{name}"):
            try:
                self._client.bucket(bucket).blob(name).upload_from_filename(
                    str(path),
                    if_generation_match=0 if only_new else None,
                    checksum="crc32c",
                    retry=self._retry,
                    timeout=retries.REQUEST_SECONDS,
                )
            except PreconditionFailed:
                return False
        return True

    def nearest(self, bucket: str, name: str) -> str:
        """Returns ``did you mean ...?`` for a name that is there, or what is there, or nothing."""
        below = name = name.rstrip("/")
        beside: set[str] = set()
        while below and not beside:
            name, below = below, below.rstrip("/").rpartition("/")[0]
            below = f"{below}/" if below else ""
            names = [item.name.removeprefix(below) for item in self.listed(bucket, below, SHOWN)]
            beside = {below + below_name.partition("/")[0] for below_name in names}
        close = nearest(name.rstrip("/"), beside)
        if close or not beside:
            return close
        return f"there are {shortened(sorted(beside), 6)}"

    def _fetch_aside(self, item: Object, aside: Path) -> str:
        import google_crc32c

        castagnoli: Any = google_crc32c
        digest, checksum = hashlib.sha256(), castagnoli.Checksum()
        with aside.open("wb") as stream:
            for start in range(0, item.bytes, CHUNK_BYTES):
                chunk = self._chunk(item, start)
                stream.write(chunk)
                digest.update(chunk)
                checksum.update(chunk)
            stream.flush()
            os.fsync(stream.fileno())
        actual = base64.b64encode(checksum.digest()).decode()
        if actual != item.crc32c:
            raise DataError(
                f"{item.uri} arrived damaged",
                cause=f"its checksum is {item.crc32c}, that of what arrived {actual}",
                hint="run again; if it stays so, write the object again",
            )
        return digest.hexdigest()

    def _chunk(self, item: Object, start: int) -> bytes:
        from google.api_core.exceptions import NotFound, PreconditionFailed
        from google.api_core.exceptions import RequestRangeNotSatisfiable as OutOfRange

        blob = self._client.bucket(item.bucket).blob(item.name, generation=item.generation)
        end = min(start + CHUNK_BYTES, item.bytes) - 1

        def read() -> bytes:
            # Raw, so that an object stored as gzip is not unpacked on the way.
            chunk = blob.download_as_bytes(
                start=start,
                end=end,
                raw_download=True,
                checksum=None,
                retry=None,
                timeout=retries.REQUEST_SECONDS,
            )
            if len(chunk) < end + 1 - start:
                raise retries.ShortReadError(f"{len(chunk)} of {end + 1 - start} bytes came")
            return bytes(chunk[: end + 1 - start])

        with self._translate_errors(item.uri):
            try:
                return bytes(self._retry(read)())
            except (NotFound, PreconditionFailed, OutOfRange) as error:
                raise self._gone(item) from error

    def _gone(self, item: Object) -> DataError:
        now = self.get(item.bucket, item.name)
        state = f"its generation now is {now.generation}" if now else "there is none any more"
        return DataError(
            f"{item.uri} was {'overwritten' if now else 'deleted'} while it was read",
            cause=f"generation {item.generation} was listed; {state}",
            hint="run again when nothing writes there any more",
        )

    @contextmanager
    def _translate_errors(self, what: str) -> Iterator[None]:
        from google.api_core.exceptions import GoogleAPIError
        from google.auth.exceptions import GoogleAuthError

        try:
            yield
        except (GoogleAPIError, GoogleAuthError) as error:
            account = retries.account_of(getattr(self, "_client", None))
            raise retries.storage_error(error, what, account) from error


def split_uri(uri: str) -> tuple[str, str]:
    """Returns the bucket and the object's name of ``gs://bucket/name``.

    Raises:
        ConfigError: if it is no such address.
    """
    bucket, _, name = uri.removeprefix(SCHEME).partition("/")
    if not uri.startswith(SCHEME) or not BUCKET.fullmatch(bucket):
        raise ConfigError(
            f"{uri} is no address of Cloud Storage", hint="write it as gs://bucket/folder/file.csv"
        )
    return bucket, name


def fetch(uri: str, path: Path, seconds: float = retries.SECONDS) -> FetchedObject:
    """Fetches one object to a file, whole, as it is now.

    Raises:
        ConfigError: if ``uri`` is no address.
        DataError: if there is no such object, or it cannot be read.
    """
    bucket, name = split_uri(uri)
    store = GcsClient(seconds)
    item = store.get(bucket, name)
    if item is None:
        raise DataError(f"there is no object {uri}", cause=store.nearest(bucket, name))
    return store.fetch(item, path)


def fetch_folder(uri: str, folder: Path, seconds: float = retries.SECONDS) -> tuple[Object, ...]:
    """Fetches all objects below a prefix to a folder, which appears whole or not at all.

    Returns:
        The objects, with the generations that were read.

    Raises:
        ConfigError: if ``uri`` is no address.
        DataError: if there are none, one cannot be read, or one's name leads out of the folder.
    """
    bucket, name = split_uri(uri)
    prefix = f"{name.rstrip('/')}/" if name.strip("/") else ""
    store = GcsClient(seconds)
    items = store.listed(bucket, prefix)
    if not items:
        raise DataError(f"nothing lies below {uri}", cause=store.nearest(bucket, name))
    with folder_written_whole(folder) as aside:
        paths = [aside / _safe(item, prefix) for item in items]
        store.fetch_all(items, paths)
    return tuple(items)


def write_folder(folder: Path, uri: str, manifest: str, seconds: float = retries.SECONDS) -> bool:
    """Writes a folder below a prefix, its manifest last and only if there is none yet.

    Who reads only what a manifest names never sees half a folder, and of two writers one wins.

    Returns:
        False where a manifest is there already; what it names stays as it is if the prefix holds
        the content's digest.

    Raises:
        ConfigError: if ``uri`` is no address.
        DataError: if it cannot be written.
    """
    bucket, name = split_uri(uri)
    store = GcsClient(seconds)
    prefix = f"{name.rstrip('/')}/" if name.strip("/") else ""
    if store.get(bucket, prefix + manifest):
        return False
    for path in files_below(folder):
        relative = path.relative_to(folder).as_posix()
        if relative != manifest:
            store.put(path, bucket, prefix + relative)
    return store.put(folder / manifest, bucket, prefix + manifest, only_new=True)


def _safe(item: Object, prefix: str) -> PurePosixPath:
    relative = item.name.removeprefix(prefix)
    path = PurePosixPath(relative)
    if "\0" in relative or path.is_absolute() or ".." in path.parts or str(path) != relative:
        raise DataError(
            f"{SCHEME}{item.bucket}/{prefix} holds a name that is no path: {relative!r}",
            hint="rename or delete the object",
        )
    return path


def _object(bucket: str, blob: Any) -> Object:
    return Object(
        bucket=bucket,
        name=str(blob.name),
        generation=int(blob.generation),
        bytes=int(blob.size),
        crc32c=str(blob.crc32c),
    )


def _check_installed() -> None:
    try:
        with retries.quiet():
            import google.cloud.storage  # noqa: F401
    except ImportError as error:
        raise EnvironmentBuildError(
            "reading gs:// needs google-cloud-storage, which is not installed here",
            hint="pip install 'kfp-plimsoll[gcs]'",
        ) from error


def _client() -> Any:
    from google.cloud import storage

    # Objects are read without a project, and an account may have none.
    return storage.Client(project=None, credentials=retries.credentials_for(EMULATOR))
