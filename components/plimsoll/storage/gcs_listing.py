"""Which objects a ``gs://`` address names: one, all below a prefix, or those a glob takes."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from plimsoll.errors import DataError
from plimsoll.storage.gcs import SCHEME, GcsClient, Object, split_uri
from plimsoll.storage.globs import fixed_part, has_magic, regex_of

LIST_SECONDS = 15.0
"""How long a bucket is asked for its generations."""


@dataclass(frozen=True, kw_only=True)
class Listing:
    """The objects that an address names."""

    objects: tuple[Object, ...]
    base: str
    """The prefix that names are told relative to; it ends in a slash or is empty."""
    folder: bool
    """Whether all below a prefix was asked for."""

    def name(self, item: Object) -> str:
        """Returns an object's name relative to the base."""
        return item.name.removeprefix(self.base)


def list_objects(store: GcsClient, uri: str, *, folders: bool = False) -> Listing:
    """Lists the objects that an address names; hidden ones below a prefix are left out.

    Args:
        store: The connection.
        uri: ``gs://bucket/object``, a prefix of folders, or a glob pattern.
        folders: Whether objects below a prefix that a glob pattern takes count too.

    Raises:
        ConfigError: if ``uri`` is no address.
        DataError: if the bucket cannot be read.
    """
    bucket, name = split_uri(uri)
    exact = store.get(bucket, name) if name and not name.endswith("/") else None
    base = f"{name.rpartition('/')[0]}/" if "/" in name else ""
    if exact:
        return Listing(objects=(exact,), base=base, folder=False)
    prefix = f"{name.rstrip('/')}/" if name.strip("/") else ""
    below = _plain(store.listed(bucket, prefix), prefix)
    if below or not has_magic(name):
        return Listing(objects=tuple(below), base=prefix, folder=True)
    fixed = fixed_part(name)
    pattern = re.compile(regex_of(name) + ("(?:/.+)?" if folders else ""), re.DOTALL)
    matching = [item for item in store.listed(bucket, fixed) if pattern.fullmatch(item.name)]
    base = f"{fixed.rpartition('/')[0]}/" if "/" in fixed else ""
    return Listing(objects=tuple(_plain(matching, base)), base=base, folder=False)


def list_or_raise(store: GcsClient, uri: str, *, folders: bool = False) -> Listing:
    """Lists as ``list_objects`` does, and refuses an address that names nothing.

    Raises:
        ConfigError: if ``uri`` is no address.
        DataError: if nothing is there, with the names that are near, or the bucket cannot be read.
    """
    listing = list_objects(store, uri, folders=folders)
    if listing.objects:
        return listing
    bucket, name = split_uri(uri)
    near = store.nearest(bucket, f"{fixed_part(name)}*" if has_magic(name) else name)
    raise DataError(
        f"there is no object {uri}",
        cause=near or f"nothing lies in {SCHEME}{bucket}",
        hint="give an object, a folder or a glob pattern; the account must be allowed to list it",
    )


def generations(uri: str, *, folders: bool = False) -> dict[str, str]:
    """Returns the names of the objects that an address names -> their generations now.

    Raises:
        DataError: if they cannot be listed.
    """
    return by_generation(list_objects(GcsClient(LIST_SECONDS), uri, folders=folders).objects)


def by_generation(objects: Sequence[Object]) -> dict[str, str]:
    """Returns objects' names -> their generations, as text: metadata's numbers are doubles."""
    return {item.name: str(item.generation) for item in objects}


def _plain(objects: Sequence[Object], base: str) -> list[Object]:
    return [
        item
        for item in objects
        if not any(part.startswith(".") for part in item.name.removeprefix(base).split("/"))
    ]
