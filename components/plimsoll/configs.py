"""Configurations: frozen dataclasses whose annotations say what each field may hold.

Pydantic checks the values whenever one is made and gives its JSON Schema. It is imported by the
first that is made with values, so that to name a configuration costs nothing. What does not hold
becomes a ``ConfigError`` with the field's path, what would hold, and the nearest choice.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin, get_type_hints

from plimsoll.errors import ConfigError, nearest

Kind = TypeVar("Kind")
Path = tuple[str | int, ...]
_SETTINGS: dict[str, Any] = {"extra": "forbid", "strict": True, "allow_inf_nan": False}
_NAME = "__config_name__"


class FieldError(ValueError):
    """A rule between fields, or of one, does not hold; the field's path is put before it.

    Args:
        headline: What comes after the path: ``names 'age' twice``.
        cause: As in ``PlimsollError``, and so the rest.
        choices: What would have been accepted.
        hint: What to write instead.
    """

    def __init__(
        self, headline: str, *, cause: str = "", choices: Sequence[str] = (), hint: str = ""
    ) -> None:
        super().__init__(headline)
        self.cause, self.choices, self.hint = cause, tuple(choices), hint


@dataclass(frozen=True)
class Says:
    """What a field must be, in the words of its error."""

    what: str
    hint: str = ""
    cause: str = ""
    """In place of the value, which may be secret."""


@dataclass(frozen=True, kw_only=True)
class Number:
    """A finite number within bounds. It stays the whole number or the float that it was."""

    ge: float | None = None
    gt: float | None = None
    le: float | None = None
    lt: float | None = None
    as_float: bool = False
    """Whether a whole number becomes a float."""

    def says(self, *, whole: bool) -> str:
        """Returns what the number must be: ``a whole number from 1 upwards``."""
        kind = "a whole number" if whole else "a number"
        if self.lt is not None:
            return f"{kind} at least {self.ge:g} and below {self.lt:g}"
        if self.gt is not None:
            most = f" and at most {self.le:g}" if self.le is not None else ""
            return f"{kind} above {self.gt:g}{most}"
        return f"{kind} from {self.ge:g} " + ("upwards" if self.le is None else f"to {self.le:g}")

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        from pydantic_core import core_schema

        def kept(value: Any, check: Callable[[Any], Any]) -> Any:
            number = check(value)
            return number if self.as_float else value

        return core_schema.no_info_wrap_validator_function(
            kept, {**handler(source), **self._bounds()}
        )

    def _bounds(self) -> dict[str, float]:
        bounds = {name: getattr(self, name) for name in ("ge", "gt", "le", "lt")}
        return {name: bound for name, bound in bounds.items() if bound is not None}


@dataclass(frozen=True)
class OneOf:
    """One of several texts."""

    choices: tuple[str, ...]
    empty: bool = False
    """Whether an empty text is allowed, too: nothing is chosen."""
    what: str = dataclasses.field(default="field", kw_only=True)
    """What it is, where it is the key of a mapping: ``metric``."""
    hint: str = dataclasses.field(default="", kw_only=True)

    def __get_pydantic_core_schema__(self, _source: Any, _handler: Any) -> Any:
        from pydantic_core import core_schema

        return core_schema.literal_schema([*([""] if self.empty else []), *self.choices])


@dataclass(frozen=True)
class Matches:
    """A text of a form, as a whole."""

    pattern: str
    empty: bool = dataclasses.field(default=True, kw_only=True)
    """Whether an empty text is allowed, too: nothing is said."""

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        return {**handler(source), "pattern": f"^(?:{self.pattern}){'?' * self.empty}$"}


@dataclass(frozen=True)
class Reads:
    """What is made of a value before it is validated; raises ValueError if nothing can be."""

    function: Callable[[Any], Any]
    also: tuple[Mapping[str, Any], ...] = ()
    """JSON Schemas of what it takes beside the field's own type."""

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        from pydantic_core import core_schema

        return core_schema.no_info_before_validator_function(self.function, handler(source))

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> dict[str, Any]:
        made: dict[str, Any] = handler(schema)
        return {"anyOf": [*map(dict, self.also), made]} if self.also else made

    def __hash__(self) -> int:
        return hash(self.function)


@dataclass(frozen=True)
class Holds:
    """A rule that a value keeps once it was read and its type is right; may say why not."""

    rule: Callable[[Any], Any]

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        from pydantic_core import core_schema

        return core_schema.no_info_after_validator_function(self._kept, handler(source))

    def _kept(self, value: Any) -> Any:
        if not self.rule(value):
            raise ValueError
        return value


@dataclass(frozen=True)
class Listed:
    """A list of JSON, kept as a tuple."""

    one: bool = False
    """Whether a text alone may stand for a list of one."""

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        from pydantic_core import core_schema

        schema = {**handler(source), "strict": False}
        return core_schema.no_info_before_validator_function(self._read, schema)

    def _read(self, value: Any) -> Any:
        if self.one and isinstance(value, str):
            return (value,)
        if not isinstance(value, list | tuple):
            raise ValueError
        return value

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> dict[str, Any]:
        made: dict[str, Any] = handler(schema)
        return {"anyOf": [made["items"], made]} if self.one else made


Count = Annotated[int, Number(ge=0)]
Positive = Annotated[int, Number(ge=1)]
Share = Annotated[float, Number(ge=0, le=1)]
AboveZero = Annotated[float, Number(gt=0)]
Texts = Annotated[tuple[str, ...], Listed(), Says("a list of texts")]


def validated(name: str) -> Callable[[type[Kind]], type[Kind]]:
    """Has a frozen dataclass check its fields by their annotations whenever one is made.

    Args:
        name: What its errors call it: ``train config``.
    """

    def decorate(kind: type[Kind]) -> type[Kind]:
        plain = kind.__init__

        @functools.wraps(plain)
        def make(self: Any, **values: Any) -> None:
            if values:
                _validate(kind, values, name, instance=self)
            else:
                plain(self)

        for attribute, value in {
            _NAME: name,
            "__init__": make,
            "__pydantic_config__": _SETTINGS,
            "__get_pydantic_core_schema__": classmethod(_as_mapping_too),
        }.items():
            setattr(kind, attribute, value)
        return kind

    return decorate


def from_json(kind: type[Kind], text: str) -> Kind:
    """Reads a config from JSON text; empty text is the default.

    Args:
        kind: A dataclass that is ``validated``.
        text: A JSON object of its fields.

    Raises:
        ConfigError: if it is not a JSON object, or a field is unknown or does not hold.
    """
    name = getattr(kind, _NAME)
    try:
        values = json.loads(text or "{}")
    except ValueError as error:
        raise ConfigError(f"{name}: it is not JSON", cause=str(error)) from error
    if not isinstance(values, dict):
        raise ConfigError(f"{name}: it must be a JSON object", cause=f"it is {text.strip()[:60]}")
    return kind(**values)


def read_as(kind: Any, value: Any, name: str, at: Path = ()) -> Any:
    """Reads a value as what an annotation says, as JSON or YAML give it.

    Args:
        kind: A validated dataclass, or any annotation of a field.
        value: What was given.
        name: What errors call the whole that the value is in.
        at: Where in it the value stands.

    Raises:
        ConfigError: if it does not hold.
    """
    return _validate(kind, value, name, at)


def json_schema(kind: Any) -> dict[str, Any]:
    """Returns a validated dataclass's JSON Schema, with the docstrings of its fields in it."""
    from pydantic import TypeAdapter

    # They are read from the source, which takes longer than all checks.
    _SETTINGS["use_attribute_docstrings"] = True
    try:
        made: dict[str, Any] = TypeAdapter(kind).json_schema()
    finally:
        del _SETTINGS["use_attribute_docstrings"]
    return made


def _as_mapping_too(_kind: type, source: Any, handler: Any) -> Any:
    """Lets a config within another one be given as a mapping, though its fields are strict."""
    schema = handler(source)
    handler.resolve_ref_schema(schema)["strict"] = False
    return schema


@functools.cache
def _validator(kind: Any) -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(kind).validator


def _validate(kind: Any, value: Any, name: str, at: Path = (), instance: Any = None) -> Any:
    from pydantic import ValidationError
    from pydantic_core import ArgsKwargs

    given = value if instance is None else ArgsKwargs((), value)
    try:
        return _validator(kind).validate_python(given, self_instance=instance)
    except ValidationError as error:
        errors: list[Any] = error.errors(include_url=False)
    unknown = [item for item in errors if item["type"] in _UNKNOWN]
    raise _refusal((unknown or errors)[0], _Spot(kind, value, at), name)


_UNKNOWN = ("unexpected_keyword_argument", "invalid_key")


@dataclass(frozen=True)
class _Spot:
    """A place in a config: what it must be, and what is there."""

    annotation: Any
    value: Any
    path: Path

    @property
    def bare(self) -> Any:
        """The annotation without its markers and without None."""
        return _bare(self.annotation)

    def marker(self, kind: type[Kind]) -> Kind | None:
        """Returns the innermost marker of a kind."""
        found = [item for item in _markers(self.annotation) if isinstance(item, kind)]
        return found[-1] if found else None

    def within(self, step: str | int, default: Any) -> _Spot | None:
        """Returns the place one step further in, or None where types say nothing of it."""
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
        return _Spot(inner, value, (*self.path, step))

    def where(self, name: str) -> str:
        """Returns the place in words: ``problem: split.fractions``."""
        text = ""
        for step in self.path:
            plain = isinstance(step, str) and step.isidentifier()
            text += f".{step}" if plain else f"[{step!r}]"
        return f"{name}: {text.lstrip('.')}" if text else name


def _refusal(error: Mapping[str, Any], top: _Spot, name: str) -> ConfigError:
    parents, spot = _parents(top, error)
    if error["type"] in _UNKNOWN:
        field, known = str(error["loc"][-1]), _fields(parents[-1].bare)
        return ConfigError(
            f"{parents[-1].where(name)}: there is no field {field!r}",
            cause=nearest(field, known),
            choices=known,
        )
    if error["type"].startswith("missing") and dataclasses.is_dataclass(parents[-2].bare):
        return _missing(parents[-2], name)
    if error["loc"][-1] == "[key]":
        return _wrong_key(parents[-2], str(error["loc"][-2]), name)
    rule = error.get("ctx", {}).get("error")
    if isinstance(rule, FieldError):
        return ConfigError(
            f"{spot.where(name)} {rule}", cause=rule.cause, choices=rule.choices, hint=rule.hint
        )
    return _not_so(spot, error["type"] == "less_than_equal", name)


def _missing(spot: _Spot, name: str) -> ConfigError:
    required, says = _fields(spot.bare, required=True), spot.marker(Says)
    both = f"both a {' and a '.join(required)}" if len(required) == 2 else " and ".join(required)
    return ConfigError(f"{spot.where(name)} needs {both}", hint=says.hint if says else "")


def _wrong_key(spot: _Spot, key: str, name: str) -> ConfigError:
    markers, where = _markers(get_args(spot.bare)[0]), spot.where(name)
    for marker in markers:
        if isinstance(marker, OneOf):
            near = nearest(key, marker.choices)
            headline = f"{where}: there is no {marker.what} {key!r}"
            return ConfigError(headline, cause=near, choices=marker.choices)
    what = next((marker.what for marker in markers if isinstance(marker, Says)), "text")
    return ConfigError(f"{where}: the name {key!r} must be {what}")


def _not_so(spot: _Spot, too_much: bool, name: str) -> ConfigError:
    says, number, choice = spot.marker(Says), spot.marker(Number), spot.marker(OneOf)
    cause = f"it is {spot.value!r}"
    if choice and not says:
        near = nearest(str(spot.value), choice.choices)
        return ConfigError(
            f"{spot.where(name)} is {spot.value!r}",
            cause=near,
            choices=choice.choices,
            hint=choice.hint,
        )
    if number and number.le is not None and too_much and spot.bare is int:
        return ConfigError(f"{spot.where(name)} must be at most {number.le:g}", cause=cause)
    if says:
        near = nearest(str(spot.value), choice.choices) if choice else ""
        what, cause, hint = says.what, says.cause or near or cause, says.hint
    else:
        what, hint = number.says(whole=spot.bare is int) if number else _plain(spot.bare), ""
    return ConfigError(f"{spot.where(name)} must be {what}", cause=cause, hint=hint)


def _parents(top: _Spot, error: Mapping[str, Any]) -> tuple[list[_Spot], _Spot]:
    """Returns the places on the way to an error, and the one whose words say what is wrong."""
    parents, spot = [top], top
    for step in error["loc"]:
        inner = parents[-1].within(step, error["input"])
        if inner is None:
            break
        parents.append(inner)
        # An item that nothing is said of is spoken of by its list.
        if spot is not parents[-2] or not spot.marker(Says) or _markers(inner.annotation):
            spot = inner
    return parents, spot


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
