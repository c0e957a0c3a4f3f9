"""What a field of a configuration may hold, said in its annotation.

A marker is the check, the JSON Schema and the words of the error at once. None of them holds
anything of pydantic, which asks them for their part of its schema once it is there.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any


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
        if self.ge is None:
            return kind
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
    what: str = field(default="field", kw_only=True)
    """What it is, where it is the key of a mapping: ``metric``."""
    hint: str = field(default="", kw_only=True)

    def __get_pydantic_core_schema__(self, _source: Any, _handler: Any) -> Any:
        from pydantic_core import core_schema

        return core_schema.literal_schema([*([""] if self.empty else []), *self.choices])


@dataclass(frozen=True)
class Matches:
    """A text of a form, as a whole."""

    pattern: str
    empty: bool = field(default=True, kw_only=True)
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
