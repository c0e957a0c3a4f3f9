"""Turns an error of pydantic's into ours: the path of the field, what would hold, the nearest."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin, get_type_hints

from plimsoll.configuration.fields import FieldError, Number, OneOf, Says
from plimsoll.errors import ConfigError, nearest

Kind = TypeVar("Kind")
Path = tuple[str | int, ...]
_UNKNOWN = ("unexpected_keyword_argument", "invalid_key")


@dataclass(frozen=True)
class _Location:
    """A part of a config: what it must be, what is there, and the path to it."""

    annotation: Any
    value: Any
    path: Path

    @property
    def bare(self) -> Any:
        """The annotation without its markers and without None."""
        return _bare(self.annotation)

    def marker(self, kind: type[Kind]) -> Kind | None:
        """Returns the innermost marker of a kind."""
        markers = [item for item in _markers(self.annotation) if isinstance(item, kind)]
        return markers[-1] if markers else None

    def within(self, step: str | int, default: Any) -> _Location | None:
        """Returns the part one step further in, or None where types say nothing of it."""
        bare, inner = self.bare, None
        if dataclasses.is_dataclass(bare):
            inner = get_type_hints(bare, include_extras=True).get(str(step))
        elif get_origin(bare) is tuple:
            inner = get_args(bare)[0]
        elif get_args(bare) and isinstance(self.value, Mapping):
            inner = get_args(bare)[1]
        if inner is None:
            return None
        try:
            value = self.value[step]
        except (KeyError, IndexError, TypeError):
            value = default
        return _Location(inner, value, (*self.path, step))

    def where(self, name: str) -> str:
        """Returns the path in words: ``problem: split.fractions``."""
        text = ""
        for step in self.path:
            plain = isinstance(step, str) and step.isidentifier()
            text += f".{step}" if plain else f"[{step!r}]"
        return f"{name}: {text.lstrip('.')}" if text else name


def refusal(
    errors: Sequence[Mapping[str, Any]], kind: Any, value: Any, name: str, at: Path
) -> ConfigError:
    """Returns the first of pydantic's errors in our words; unknown fields go before all else.

    Args:
        errors: What ``ValidationError.errors()`` returns.
        kind: The annotation that the value was read as.
        value: What was given.
        name: What errors call the whole.
        at: Where in it the value stands.
    """
    unknown = [error for error in errors if error["type"] in _UNKNOWN]
    return _refusal((unknown or errors)[0], _Location(kind, value, at), name)


def _refusal(error: Mapping[str, Any], top: _Location, name: str) -> ConfigError:
    parents, location = _parents(top, error)
    if error["type"] in _UNKNOWN:
        field, known = str(error["loc"][-1]), _fields(parents[-1].bare)
        return ConfigError(
            f"{parents[-1].where(name)}: there is no field {field!r}",
            cause=nearest(field, known),
            choices=known,
        )
    if error["type"].startswith("missing") and dataclasses.is_dataclass(parents[-2].bare):
        return _missing(parents[-2], name)
    if error["loc"][-1:] == ("[key]",):
        return _wrong_key(parents[-2], str(error["loc"][-2]), name)
    rule = error.get("ctx", {}).get("error")
    if isinstance(rule, FieldError):
        return ConfigError(
            f"{location.where(name)} {rule}", cause=rule.cause, choices=rule.choices, hint=rule.hint
        )
    return _not_so(location, error["type"] == "less_than_equal", name)


def _missing(location: _Location, name: str) -> ConfigError:
    required, says = _fields(location.bare, required=True), location.marker(Says)
    both = f"both a {' and a '.join(required)}" if len(required) == 2 else " and ".join(required)
    return ConfigError(f"{location.where(name)} needs {both}", hint=says.hint if says else "")


def _wrong_key(location: _Location, key: str, name: str) -> ConfigError:
    markers, where = _markers(get_args(location.bare)[0]), location.where(name)
    for marker in markers:
        if isinstance(marker, OneOf):
            near = nearest(key, marker.choices)
            headline = f"{where}: there is no {marker.what} {key!r}"
            return ConfigError(headline, cause=near, choices=marker.choices)
    what = next((marker.what for marker in markers if isinstance(marker, Says)), "text")
    return ConfigError(f"{where}: the name {key!r} must be {what}")


def _not_so(location: _Location, too_much: bool, name: str) -> ConfigError:
    says, choice, where = location.marker(Says), location.marker(OneOf), location.where(name)
    near = nearest(str(location.value), choice.choices) if choice else ""
    if choice and not says:
        headline = f"{where} is {location.value!r}"
        return ConfigError(headline, cause=near, choices=choice.choices, hint=choice.hint)
    cause, number = f"it is {location.value!r}", location.marker(Number)
    if number and number.le is not None and too_much and location.bare is int:
        return ConfigError(f"{where} must be at most {number.le:g}", cause=cause)
    if says:
        cause = says.cause or near or cause
        return ConfigError(f"{where} must be {says.what}", cause=cause, hint=says.hint)
    whole = location.bare is int
    what = number.says(whole=whole) if number else _plain(location.bare)
    return ConfigError(f"{where} must be {what}", cause=cause)


def _parents(top: _Location, error: Mapping[str, Any]) -> tuple[list[_Location], _Location]:
    """Returns the parts on the way to an error, and the one whose words say what is wrong."""
    parents, location = [top], top
    for step in error["loc"]:
        inner = parents[-1].within(step, error["input"])
        if inner is None or step == "[key]":
            break
        parents.append(inner)
        # An item that nothing is said of is spoken of by its list.
        if location is not parents[-2] or not location.marker(Says) or _markers(inner.annotation):
            location = inner
    return parents, location


def _fields(kind: Any, *, required: bool = False) -> tuple[str, ...]:
    missing = dataclasses.MISSING
    return tuple(
        item.name
        for item in dataclasses.fields(kind)
        if not required or (item.default is missing and item.default_factory is missing)
    )


def _markers(annotation: Any) -> tuple[Any, ...]:
    if get_origin(annotation) is Annotated:
        return (*_markers(get_args(annotation)[0]), *annotation.__metadata__)
    if get_origin(annotation) in (Union, types.UnionType):
        return tuple(marker for item in get_args(annotation) for marker in _markers(item))
    return ()


def _bare(annotation: Any) -> Any:
    if get_origin(annotation) is Annotated:
        return _bare(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        rest = [item for item in get_args(annotation) if item is not types.NoneType]
        return _bare(rest[0]) if len(rest) == 1 else annotation
    return annotation


_PLAIN = {bool: "true or false", str: "text", int: "a whole number", float: "a number"}


def _plain(kind: Any) -> str:
    return _PLAIN.get(kind) or ("a list" if get_origin(kind) is tuple else "a mapping")
