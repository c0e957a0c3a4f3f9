"""The features of a served package: their plan, their store, and what a user reads of both."""

import logging
import time

from plimsoll.formats.feature_plan import open_plan
from plimsoll.formats.package import Package
from plimsoll.serving.config import ServerConfig
from plimsoll.serving.features.lookup import FeatureLookup
from plimsoll.serving.online.keys import DUMMY_VALUE
from plimsoll.serving.online.store import (
    Entity,
    EntityKeys,
    LookupPlan,
    OnlineReader,
    StoreError,
    lookup_plan,
)
from plimsoll.serving.online.stores import open_reader, shown

FIRST_SECONDS = 5.0
"""How long the store may take to answer when a server starts."""
_LOGGER = logging.getLogger("plimsoll.serving")


class ServedFeatures:
    """What a server looks up for a package, if anything.

    Args:
        package: An opened package.
        config: Where features are, and what a look-up puts up with.

    Raises:
        ConfigError: if what names the store names none that can be read.
        ArtifactError: if the package's plan does not hold together.
    """

    def __init__(self, package: Package, config: ServerConfig) -> None:
        self.lookup: FeatureLookup | None = None
        """None: the package has no features that are looked up."""
        self._where = ""
        if package.features is None:
            if config.features:
                _LOGGER.warning("the package has no features to look up; --features is not used")
            return
        plan = open_plan(package.features)
        types = {item["name"]: item["type"] for item in package.inputs}
        read = frozenset(plan.columns).intersection(types)
        reader: OnlineReader | None = None
        if config.features:
            reader = open_reader(config.features, plan, config.lookup.timeout_ms / 1000)
            self._where = shown(config.features)
        self.lookup = FeatureLookup(
            plan, reader, folder=package.features, columns=read, types=types, config=config.lookup
        )
        if reader is not None:
            _probe(reader, lookup_plan(plan, read), self._where)

    @property
    def columns(self) -> frozenset[str]:
        """The columns that a request may leave out."""
        return self.lookup.columns if self.lookup and self._where else frozenset()

    def startup_lines(self) -> list[str]:
        """Returns what is printed once the server answers: a line, or none."""
        if self.lookup is None:
            return []
        if self._where:
            return [f"features of {self.lookup.plan.service} come from {self._where}"]
        service = self.lookup.plan.service
        return [f"requests must give the features of {service}, for --features names no store"]

    def close(self) -> None:
        """Lets go of the store."""
        if self.lookup is not None:
            self.lookup.close()


def _probe(reader: OnlineReader, plan: LookupPlan, where: str) -> None:
    """Reads a key that nobody has, so that a wrong store is reported before the first request."""
    keys = {index: _unused_key(entity) for index, entity in enumerate(plan.entities)}
    try:
        if plan.views:
            reader.read(keys, range(len(plan.views)), time.monotonic() + FIRST_SECONDS)
    except StoreError as error:
        _LOGGER.warning("the feature store %s does not answer yet: %s", where, error)


def _unused_key(entity: Entity) -> EntityKeys:
    values = tuple(DUMMY_VALUE if key.type == "STRING" else 0 for key in entity.keys)
    return EntityKeys(keys=[entity.writer.write(values)], values=[values])
