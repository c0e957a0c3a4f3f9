"""The v2 protocol's tensors: one a raw column in, labels and probabilities or values out."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from plimsoll.errors import RequestError, nearest

NUMBERS = ("FP64", "FP32", "INT64", "INT32", "INT16", "INT8", "UINT64", "UINT32", "UINT16", "UINT8")
DATATYPES: dict[str, tuple[str, ...]] = {
    "float": NUMBERS,
    "int": ("INT64", *NUMBERS),
    "bool": ("BOOL",),
    "string": ("BYTES",),
    "timestamp": ("BYTES",),
}
"""Column type -> v2 datatypes that carry it; the first is the one that metadata names."""


class Tensor(Protocol):
    """What is read of KServe's ``InferInput``."""

    @property
    def name(self) -> str:
        """The raw column."""

    @property
    def datatype(self) -> str:
        """For instance ``FP64``."""

    @property
    def shape(self) -> Sequence[int]:
        """``[n]`` or ``[n, 1]``."""

    @property
    def data(self) -> Any:
        """Values, flat or nested as the shape says; null for a missing one."""


def lists_of(tensors: Sequence[Tensor], types: Mapping[str, str]) -> dict[str, list[Any]]:
    """Returns the values that tensors hold, column by column.

    Args:
        tensors: One a column.
        types: Type of each raw column: float, int, bool, string or timestamp.

    Raises:
        RequestError: if there is none, a name comes twice, or a shape or datatype does not hold.
    """
    if not tensors:
        raise RequestError("the request has no inputs", choices=list(types), hint=_HINT)
    columns: dict[str, list[Any]] = {}
    for tensor in tensors:
        if tensor.name in columns:
            raise RequestError(f"input {tensor.name!r} comes twice", hint=_HINT)
        columns[tensor.name] = _values(tensor, types.get(tensor.name))
    return columns


def input_metadata(inputs: Sequence[Any]) -> list[dict[str, Any]]:
    """Returns the v2 metadata of a package's inputs, ``{"name", "type"}`` each."""
    return [
        {"name": item["name"], "datatype": DATATYPES[item["type"]][0], "shape": [-1]}
        for item in inputs
    ]


def output_metadata(task: str, classes: int) -> list[dict[str, Any]]:
    """Returns the v2 metadata of a task's outputs, with that many classes."""
    if task == "regression":
        return [{"name": "value", "datatype": "FP64", "shape": [-1]}]
    return [
        {"name": "label", "datatype": "BYTES", "shape": [-1]},
        {"name": "probabilities", "datatype": "FP64", "shape": [-1, classes]},
    ]


def check_output_names(names: Sequence[str], task: str) -> None:
    """Checks the outputs that a request names.

    Raises:
        RequestError: if there is no such output.
    """
    known = [item["name"] for item in output_metadata(task, 0)]
    for name in names:
        if name not in known:
            raise RequestError(
                f"there is no output {name!r}", cause=nearest(name, known), choices=known
            )


_HINT = "send one tensor a column, each of shape [n] or [n, 1]; GET /v2/models/<name> lists them"


def _values(tensor: Tensor, kind: str | None) -> list[Any]:
    shape = list(tensor.shape)
    if len(shape) not in (1, 2) or (len(shape) == 2 and shape[1] != 1):
        raise RequestError(
            f"input {tensor.name!r} has shape {shape}",
            cause="a column is [n] or [n, 1]",
            hint=_HINT,
        )
    accepted = DATATYPES.get(kind or "")
    if accepted and tensor.datatype not in accepted:
        raise RequestError(
            f"input {tensor.name!r} has datatype {tensor.datatype}",
            cause=f"the column's type is {kind}",
            choices=tuple(dict.fromkeys(accepted)),
            hint=_HINT,
        )
    data = tensor.data if isinstance(tensor.data, list) else []
    values = [item[0] if isinstance(item, list) and len(item) == 1 else item for item in data]
    if len(values) != shape[0]:
        raise RequestError(
            f"input {tensor.name!r} holds {len(values)} values",
            cause=f"its shape is {shape}",
            hint=_HINT,
        )
    return [_value(value) for value in values]


def _value(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value
