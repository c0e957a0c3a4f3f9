"""The features of a served package: their plan, their store, and what a user is told of both."""

from __future__ import annotations

import logging
import time

from plimsoll.formats.feature_plan import open_plan
from plimsoll.formats.package import Package
from plimsoll.serving.config import ServerConfig
from plimsoll.serving.features.lookup import FeatureLookup
from plimsoll.serving.online.keys import DUMMY_VALUE
from plimsoll.serving.online.store import Asked, Entity, OnlineReader, StoreError, Wanted, wanted_of
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
            _warn_if_it_does_not_answer(reader, wanted_of(plan, read), self._where)

    @property
    def columns(self) -> frozenset[str]:
        """The columns that a request may leave out."""
        return self.lookup.columns if self.lookup and self._where else frozenset()

    def said(self) -> list[str]:
        """Returns what a user is told once the server answers: a line, or none."""
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


def _warn_if_it_does_not_answer(reader: OnlineReader, wanted: Wanted, where: str) -> None:
    """Asks for a key that nobody has, so that a wrong store is told of before the first request."""
    asked = {place: _nobody(entity) for place, entity in enumerate(wanted.entities)}
    try:
        if wanted.views:
            reader.read(asked, range(len(wanted.views)), time.monotonic() + FIRST_SECONDS)
    except StoreError as error:
        _LOGGER.warning("the feature store %s does not answer yet: %s", where, error)


def _nobody(entity: Entity) -> Asked:
    values = tuple(DUMMY_VALUE if key.type == "STRING" else 0 for key in entity.keys)
    return Asked(keys=[entity.writer.write(values)], values=[values])
