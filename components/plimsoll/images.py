"""The one place that knows the names of the images, one image a role."""

from plimsoll import __version__
from plimsoll.errors import UsageError, nearest

REPOSITORY = "plimsoll"
ROLES = ("data", "features", "train", "serve")


def image(role: str) -> str:
    """Returns the image reference of a role, as it stands in uncompiled components.

    A release replaces it by a digest: ``plimsoll compile --images digests.json``.

    Raises:
        UsageError: if there is no such role.
    """
    if role not in ROLES:
        raise UsageError(f"there is no role {role!r}", cause=nearest(role, ROLES), choices=ROLES)
    return f"{REPOSITORY}/{role}:{__version__}"


def role_of(reference: str) -> str | None:
    """Returns the role that an image reference belongs to, or None for an image of others.

    The registry, the tag and the digest do not matter: ``eu.gcr.io/acme/plimsoll/data@sha256:..``
    is the role ``data``.
    """
    path = reference.partition("@")[0]
    head, _, last = path.rpartition("/")
    name = last.partition(":")[0]
    if name in ROLES and head.rpartition("/")[2] == REPOSITORY:
        return name
    return None
