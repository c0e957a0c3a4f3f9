"""Has pydantic check frozen dataclasses by the annotations of their fields.

It is imported by the first that is made with values, so that to name a configuration, or to take
its defaults, costs nothing.
"""

import functools
import json
from collections.abc import Callable
from typing import Any, TypeVar

from plimsoll.configuration.refusals import Path, refusal
from plimsoll.errors import ConfigError

Kind = TypeVar("Kind")
_SETTINGS: dict[str, Any] = {"extra": "forbid", "strict": True, "allow_inf_nan": False}
_NAME = "__config_name__"


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
        errors = error.errors(include_url=False)
    raise refusal(errors, kind, value, name, at)
