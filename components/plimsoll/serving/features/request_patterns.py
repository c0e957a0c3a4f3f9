"""What a request leaves to be looked up, by which feature columns it gives itself."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain

from plimsoll.serving.features.metrics import Tally
from plimsoll.serving.features.requests import Request
from plimsoll.serving.online.store import LookupPlan

MOST_PATTERNS = 1024
"""Patterns that are remembered; the requests of one client give the same columns each time."""


@dataclass(frozen=True)
class Pattern:
    """What a set of given columns leaves to be looked up or computed."""

    given: frozenset[str]
    """The feature columns that are given."""
    views: frozenset[int]
    """Indices of the views that are looked up."""
    on_demand: frozenset[int]
    """Indices of the on-demand views that are computed."""
    free: tuple[tuple[int, ...], ...]
    """View by view: the indices of the features that are not given."""


@dataclass(frozen=True)
class Lookup:
    """One request, what it leaves to be looked up, and what became of it so far."""

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


class RequestPatterns:
    """Knows what a request leaves to be looked up.

    Args:
        plan: All that may be.
        read: The feature columns that the model reads.
    """

    def __init__(self, plan: LookupPlan, read: frozenset[str]) -> None:
        self._plan = plan
        self._known: dict[frozenset[str], Pattern] = {}
        looked_up = (feature for view in plan.views for feature in view.features)
        computed = (feature for part in plan.on_demand for feature in part.features)
        self.columns = frozenset(item.column for item in chain(looked_up, computed))
        """All columns that may be left out."""
        self._read = read & self.columns

    def lookup(self, request: Request) -> Lookup:
        """Returns what a request leaves to be looked up."""
        given = request.given(self.columns)
        return Lookup(request, [self._pattern(names) for names in given], Tally())

    def _pattern(self, given: frozenset[str]) -> Pattern:
        pattern = self._known.get(given)
        if pattern is None:
            pattern = self._match(given)
            if len(self._known) < MOST_PATTERNS:
                self._known[given] = pattern
        return pattern

    def _match(self, given: frozenset[str]) -> Pattern:
        left = self._read - given
        on_demand = set()
        for index in reversed(range(len(self._plan.on_demand))):
            part = self._plan.on_demand[index]
            if any(feature.column in left for feature in part.features):
                on_demand.add(index)
                left |= self.columns.intersection(part.inputs) - given
        free = tuple(
            tuple(index for index, name in enumerate(view.columns) if name not in given)
            for view in self._plan.views
        )
        views = frozenset(
            index
            for index, view in enumerate(self._plan.views)
            if not left.isdisjoint(view.columns)
        )
        return Pattern(given, views, frozenset(on_demand), free)
