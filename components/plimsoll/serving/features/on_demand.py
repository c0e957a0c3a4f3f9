"""Features computed from a request's values, by the functions that travel in the plan."""

import datetime
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from plimsoll.errors import ArtifactError, RequestError
from plimsoll.formats.feature_plan import OnDemand
from plimsoll.formats.plan_functions import load_function
from plimsoll.serving.online.keys import microseconds
from plimsoll.serving.online.values import DamagedValueError, settled
from plimsoll.timestamps import timestamp_of

Function = Callable[[dict[str, list[Any]]], Mapping[str, Sequence[Any]]]


class OnDemandView:
    """One on-demand view, its function loaded.

    Args:
        view: The view.
        folder: The plan's folder, whose files were verified.
        types: The dataset's type of each input that is known; times come to the function as
            datetimes in UTC.

    Raises:
        ArtifactError: if the file cannot be loaded, or has no such function.
    """

    def __init__(self, view: OnDemand, folder: Path, types: Mapping[str, str]) -> None:
        self.view = view
        self.name = view.name
        self.columns = tuple(feature.column for feature in view.features)
        self._function = _loaded(folder / view.file, view)
        self._times = frozenset(name for name in view.inputs if types.get(name) == "timestamp")

    def computed(self, inputs: Mapping[str, Sequence[Any]], rows: int) -> list[list[Any]]:
        """Returns the values of each feature, in the view's order, for some rows.

        Args:
            inputs: The view's inputs, as requests have them; None for no value.
            rows: How many rows there are.

        Raises:
            RequestError: if the function raises for these values.
            ArtifactError: if it returns something else than what the view declares.
        """
        given = {name: self._prepared(name, inputs[name]) for name in self.view.inputs}
        try:
            made = self._function(given)
        except (Exception, SystemExit) as error:
            raise RequestError(
                f"the on-demand features of {self.view.name!r} cannot be computed",
                cause=f"its function raised {type(error).__name__}",
                hint=f"it reads {', '.join(self.view.inputs)}; check their values",
            ) from error
        return [
            self._settled(made, feature.name, feature.type, rows) for feature in self.view.features
        ]

    def _prepared(self, name: str, values: Sequence[Any]) -> list[Any]:
        if name not in self._times:
            return list(values)
        return [_datetime(value) if isinstance(value, str) else value for value in values]

    def _settled(
        self, made: Mapping[str, Sequence[Any]], name: str, value_type: str, rows: int
    ) -> list[Any]:
        try:
            values = [settled(value_type, value) for value in made[name]]
        except (KeyError, TypeError, DamagedValueError) as error:
            raise self._not_as_declared(name, str(error)) from error
        if len(values) != rows:
            raise self._not_as_declared(name, f"{len(values)} values for {rows} rows")
        return values

    def _not_as_declared(self, name: str, cause: str) -> ArtifactError:
        return ArtifactError(
            f"the on-demand view {self.view.name!r} did not return {name!r} as it declares",
            cause=cause,
        )


def _loaded(path: Path, view: OnDemand) -> Function:
    try:
        function: Function = load_function(path, view.function)
        if not callable(function):
            raise TypeError("it is no function")
    except (Exception, SystemExit) as error:
        raise ArtifactError(
            f"the function {view.function!r} of the on-demand view {view.name!r} cannot be loaded",
            cause=f"{type(error).__name__}: {error}",
            hint="it may import the standard library alone",
        ) from error
    return function


def _datetime(text: str) -> datetime.datetime | None:
    try:
        return timestamp_of(microseconds(text))
    except (ValueError, OverflowError):
        # The transform refuses it in its own words, if it reads it.
        return None
