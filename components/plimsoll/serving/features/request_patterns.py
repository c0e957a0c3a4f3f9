"""What a request leaves to be found, by which feature columns it gives itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain

from plimsoll.serving.features.metrics import Tally
from plimsoll.serving.features.request_columns import Request
from plimsoll.serving.online.store import Wanted

MOST_PATTERNS = 1024
"""Patterns that are remembered; the requests of one client give the same columns each time."""


@dataclass(frozen=True)
class Pattern:
    """What a set of given columns leaves to be found."""

    given: frozenset[str]
    """The feature columns that are given."""
    views: frozenset[int]
    """Places of the views that are looked up."""
    on_demand: frozenset[int]
    """Places of the on-demand views that are computed."""
    free: tuple[tuple[int, ...], ...]
    """View by view: the places of the features that are not given."""


@dataclass(frozen=True)
class Ask:
    """One request, what it leaves to be found, and what became of it so far."""

    request: Request
    patterns: Sequence[Pattern]
    """One a row, or one for all."""
    tally: Tally

    def pattern(self, row: int) -> Pattern:
        """Returns a row's pattern."""
        return self.patterns[0] if len(self.patterns) == 1 else self.patterns[row]

    def rows_to_look_up(self, view: int) -> Sequence[int]:
        """Returns the rows that want something of a view."""
        return self._rows(lambda pattern: view in pattern.views)

    def rows_to_compute(self, on_demand: int) -> Sequence[int]:
        """Returns the rows that want something of an on-demand view."""
        return self._rows(lambda pattern: on_demand in pattern.on_demand)

    def _rows(self, wants: Callable[[Pattern], bool]) -> Sequence[int]:
        if len(self.patterns) == 1:
            return range(self.request.size if wants(self.patterns[0]) else 0)
        return [row for row, pattern in enumerate(self.patterns) if wants(pattern)]


class Patterns:
    """Tells what is left to be found.

    Args:
        wanted: All that may be.
        read: The feature columns that the model reads.
    """

    def __init__(self, wanted: Wanted, read: frozenset[str]) -> None:
        self._wanted = wanted
        self._known: dict[frozenset[str], Pattern] = {}
        looked_up = (feature for view in wanted.views for feature in view.features)
        computed = (feature for part in wanted.on_demand for feature in part.features)
        self.columns = frozenset(item.column for item in chain(looked_up, computed))
        """All columns that may be left out."""
        self._read = read & self.columns

    def ask(self, request: Request) -> Ask:
        """Returns what a request leaves to be found."""
        given = request.given(self.columns)
        return Ask(request, [self._pattern(names) for names in given], Tally())

    def _pattern(self, given: frozenset[str]) -> Pattern:
        found = self._known.get(given)
        if found is None:
            found = self._made(given)
            if len(self._known) < MOST_PATTERNS:
                self._known[given] = found
        return found

    def _made(self, given: frozenset[str]) -> Pattern:
        left = self._read - given
        on_demand = set()
        for place in reversed(range(len(self._wanted.on_demand))):
            part = self._wanted.on_demand[place]
            if any(feature.column in left for feature in part.features):
                on_demand.add(place)
                left |= self.columns.intersection(part.inputs) - given
        free = tuple(
            tuple(place for place, name in enumerate(view.columns) if name not in given)
            for view in self._wanted.views
        )
        views = frozenset(
            place
            for place, view in enumerate(self._wanted.views)
            if not left.isdisjoint(view.columns)
        )
        return Pattern(given, views, frozenset(on_demand), free)
