"""What a look-up reads from an online store, whichever it is, and how a store fails."""

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, Protocol

from plimsoll.errors import ArtifactError, PlimsollError
from plimsoll.formats.feature_plan import Feature, FeaturePlan, Key, OnDemand, View
from plimsoll.serving.online.keys import KEY_VERSION, KeyWriter
from plimsoll.serving.online.values import DamagedValueError

TIMEOUT = "timeout"
UNREACHABLE = "unreachable"
REFUSED = "refused"
DAMAGED = "damaged"
PAUSED = "paused"
REASONS = (TIMEOUT, UNREACHABLE, REFUSED, DAMAGED, PAUSED)
"""Why a look-up failed: no answer in time; no connection; an answer that is an error, such as a
missing table or a wrong password; bytes that are no values; a failure a moment ago."""


class StoreError(PlimsollError):
    """An online store gave no answer that can be used.

    Args:
        reason: One of ``REASONS``.
        headline: What went wrong, without a value or a password.
        cause: Why, without a value or a password.
    """

    def __init__(self, reason: str, headline: str, *, cause: str = "") -> None:
        super().__init__(headline, cause=cause)
        self.reason = reason


class FeatureRow(NamedTuple):
    """What a store keeps of one view for one key."""

    event_us: int
    """Event timestamp, microseconds since 1970, UTC."""
    values: tuple[Any, ...]
    """One a feature, in the order of ``WantedView.features``; None for none."""


@dataclass(frozen=True, kw_only=True)
class Entity:
    """A key that views share."""

    keys: tuple[Key, ...]
    """Its parts."""
    writer: KeyWriter
    """Serializes it."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The request's columns; empty for a view without entities."""
        return tuple(key.column for key in self.keys if key.column)


@dataclass(frozen=True, kw_only=True)
class LookupView:
    """A view, and those of its features that are looked up."""

    view: View
    entity: int
    """Index of its key among ``LookupPlan.entities``."""
    features: tuple[Feature, ...]
    """At least one."""

    @property
    def name(self) -> str:
        """The view's, as the store keeps it."""
        return self.view.name

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The columns that the features become."""
        return tuple(feature.column for feature in self.features)


@dataclass(frozen=True, kw_only=True)
class LookupPlan:
    """What of a feature plan is looked up."""

    project: str
    """The store's project."""
    entities: tuple[Entity, ...]
    """Each key once."""
    views: tuple[LookupView, ...]
    """The views that have features to look up."""
    on_demand: tuple[OnDemand, ...] = ()
    """The on-demand views that have features to compute."""


@dataclass(frozen=True, kw_only=True)
class EntityKeys:
    """The distinct keys of one entity in a request."""

    keys: Sequence[bytes]
    """Serialized."""
    values: Sequence[tuple[Any, ...]]
    """The same keys as text and whole numbers, in the order of ``Entity.keys``."""


class OnlineReader(Protocol):
    """Reads features from an online store; safe to use from several threads."""

    def prepare(self, plan: LookupPlan) -> None:
        """Takes what will be read, once, before the first read; touches no store."""

    def read(
        self, keys: Mapping[int, EntityKeys], views: Collection[int], deadline: float
    ) -> dict[int, list[FeatureRow | None]]:
        """Reads views for keys, in one go.

        Args:
            keys: Index of an entity -> its keys.
            views: Indices of the views to read; ``keys`` has all of their entities.
            deadline: When it must have ended, on ``time.monotonic``'s clock.

        Returns:
            Index of each view -> one a key: what is stored, or None.

        Raises:
            StoreError: if the store does not answer as it should, or not in time.
        """

    def close(self) -> None:
        """Lets go of connections."""


def lookup_plan(plan: FeaturePlan, columns: Collection[str] | None = None) -> LookupPlan:
    """Returns what has to be looked up.

    Args:
        plan: The plan.
        columns: The feature columns that are read; None: all of the plan's. What their
            on-demand views need is added.

    Raises:
        ArtifactError: if keys are serialized in a way that is not known here.
    """
    if plan.key_version != KEY_VERSION:
        raise ArtifactError(
            f"the feature plan's keys are of version {plan.key_version}",
            cause=f"only entity_key_serialization_version {KEY_VERSION} can be looked up",
            hint="set it in feature_store.yaml, materialise again, and make the package again",
        )
    names = set(plan.columns if columns is None else columns)
    on_demand: list[OnDemand] = []
    for part in reversed(plan.on_demand):
        if any(feature.column in names for feature in part.features):
            names.update(part.inputs)
            on_demand.insert(0, part)
    indices: dict[tuple[Key, ...], int] = {}
    views = []
    for view in plan.views:
        features = tuple(item for item in view.features if item.column in names)
        if features:
            entity = indices.setdefault(view.keys, len(indices))
            views.append(LookupView(view=view, entity=entity, features=features))
    entities = tuple(Entity(keys=keys, writer=KeyWriter(keys)) for keys in indices)
    return LookupPlan(
        project=plan.project,
        entities=entities,
        views=tuple(views),
        on_demand=tuple(on_demand),
    )


def seconds_left(deadline: float) -> float:
    """Returns the seconds until a deadline.

    Raises:
        StoreError: if it has passed.
    """
    left = deadline - time.monotonic()
    if left <= 0:
        raise timed_out()
    return left


def damaged(
    error: Exception, headline: str = "the feature store holds a damaged value"
) -> StoreError:
    """Returns the error of an answer that cannot be decoded, without the values in it."""
    cause = str(error) if isinstance(error, DamagedValueError) else type(error).__name__
    return StoreError(DAMAGED, headline, cause=cause)


def timed_out() -> StoreError:
    """Returns the error of a store that takes too long."""
    return StoreError(TIMEOUT, "the feature store did not answer in time")
