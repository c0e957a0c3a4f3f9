"""A pipeline's parameters: declared once, and read as Kubeflow Pipelines carries them."""

import dataclasses
import inspect
import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, get_type_hints

Inputs = TypeVar("Inputs")
Struct = dict[str, Any]
"""A parameter that is a dict: what KFP calls STRUCT, and shows a form or a JSON editor for."""


def parameter(description: str, default: Any = dataclasses.MISSING) -> Any:
    """Declares an input of a pipeline as a field of a dataclass; see ``takes``.

    Args:
        description: What it is, in a line.
        default: Its value where none is given; left out: the input is required.
    """
    required = default is dataclasses.MISSING
    metadata = {
        "description": description,
        "default": inspect.Parameter.empty if required else default,
    }
    if isinstance(default, dict):
        return dataclasses.field(default_factory=default.copy, metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def takes(kind: type[Inputs]) -> Callable[[Callable[[Inputs], None]], Callable[..., None]]:
    """Gives a pipeline's function the fields of a dataclass as its inputs.

    KFP reads names, types and defaults of a pipeline's inputs from its function's signature, and
    what they are from its docstring. Both are made of the fields, so that pipelines that have
    inputs in common declare them once::

        @dataclass(frozen=True, kw_only=True)
        class Inputs:
            data: str = parameter("A file, or a folder.")
            train_config: Struct = parameter("Settings of the training.", {})

        @dsl.pipeline(name="mine")
        @takes(Inputs)
        def mine(inputs: Inputs) -> None:
            ingested = ingest(data=inputs.data)
    """

    def decorate(function: Callable[[Inputs], None]) -> Callable[..., None]:
        parameters = _parameters(kind)

        def pipeline(*values: Any) -> None:
            names = (item.name for item in parameters)
            function(kind(**dict(zip(names, values, strict=True))))

        pipeline.__name__ = function.__name__
        pipeline.__doc__ = f"{inspect.getdoc(function)}\n\nArgs:\n{_arguments(kind)}"
        pipeline.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        return pipeline

    return decorate


def json_text(struct: Mapping[str, Any]) -> str:
    """Returns a dict parameter as JSON text, its keys sorted and its whole numbers whole.

    KFP carries a dict as a protobuf Struct: every number becomes a double (512 arrives as 512.0)
    and names come in any order.
    """
    return json.dumps(_whole(struct), sort_keys=True, ensure_ascii=False)


def _parameters(kind: Any) -> list[inspect.Parameter]:
    """Returns a dataclass's fields as parameters, the required ones first."""
    types = get_type_hints(kind)
    parameters = [
        inspect.Parameter(
            item.name,
            inspect.Parameter.POSITIONAL_OR_KEYWORD,
            default=item.metadata["default"],
            annotation=types[item.name],
        )
        for item in dataclasses.fields(kind)
    ]
    return sorted(parameters, key=lambda item: item.default is not inspect.Parameter.empty)


def _arguments(kind: Any) -> str:
    return "\n".join(
        f"    {item.name}: {item.metadata['description']}" for item in dataclasses.fields(kind)
    )


def _whole(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _whole(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_whole(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
