"""The warm-up requests of a package, and how its answers are compared with those recorded."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from plimsoll.formats.package import Package
from plimsoll.models.predictions import class_text

TOLERANCE = 1e-5
SINGLE_ROWS = 20
DATATYPES = {
    "float": "FP64",
    "int": "INT64",
    "bool": "BOOL",
    "string": "BYTES",
    "timestamp": "BYTES",
}


@dataclass(frozen=True, kw_only=True)
class WarmupRequest:
    """One HTTP request, and the answers that were recorded for its rows."""

    protocol: str
    """``v1`` or ``v2``."""
    path: str
    """Where it is sent."""
    body: bytes
    """JSON."""
    expected: Sequence[Mapping[str, Any]]
    """One recorded answer a row."""


def warmup_requests(package: Package) -> list[WarmupRequest]:
    """Returns all warm-up rows at once over v1 and over v2, then the first ones by themselves."""
    instances, answers = package.warmup()
    requests = [_v1(package.name, instances, answers), _v2(package, instances, answers)]
    singles = list(zip(instances, answers, strict=True))[:SINGLE_ROWS]
    requests += [_v1(package.name, [instance], [answer]) for instance, answer in singles]
    return requests


def parse_answers(protocol: str, body: bytes, package: Package) -> list[dict[str, Any]]:
    """Returns the answers in a response, those of v2 in the form of v1's, one a row.

    Raises:
        ValueError: if the response is not what its protocol promises.
    """
    try:
        content = json.loads(body)
        if protocol == "v1":
            return [dict(answer) for answer in content["predictions"]]
        outputs = {item["name"]: item for item in content["outputs"]}
        if package.task == "regression":
            return [{"value": value} for value in outputs["value"]["data"]]
        width = len(package.classes)
        numbers = outputs["probabilities"]["data"]
        names = [class_text(value) for value in package.classes]
        return [
            {
                "label": label,
                "probabilities": dict(
                    zip(names, numbers[row * width : (row + 1) * width], strict=True)
                ),
            }
            for row, label in enumerate(outputs["label"]["data"])
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"the {protocol} response is malformed: {type(error).__name__}") from error


def difference(
    given: Sequence[Mapping[str, Any]], expected: Sequence[Mapping[str, Any]]
) -> tuple[float, str]:
    """Compares answers with those recorded.

    Args:
        given: Answers from the server; fields that it leaves out are not compared.
        expected: Recorded answers, one a row.

    Returns:
        The largest difference, relative above 1 and absolute below; and, if it is past the
        tolerance or a label differs, what differs first, else an empty string.
    """
    if len(given) != len(expected):
        return math.inf, f"{len(given)} answers for {len(expected)} rows"
    largest, first = 0.0, ""
    for row, (answer, recorded) in enumerate(zip(given, expected, strict=True)):
        if not answer:
            return math.inf, f"row {row} has no answer"
        for field, value in answer.items():
            gap = _gap(value, recorded.get(field))
            largest = max(largest, gap)
            if gap > TOLERANCE and not first:
                first = f"row {row}: {field} is {value!r}, recorded was {recorded.get(field)!r}"
    return largest, first


def _gap(ours: Any, theirs: Any) -> float:
    if isinstance(ours, dict) and isinstance(theirs, dict):
        if set(ours) != set(theirs):
            return math.inf
        return max((_gap(ours[key], theirs[key]) for key in ours), default=0.0)
    if _is_number(ours) and _is_number(theirs):
        gap = abs(ours - theirs) / max(1.0, abs(theirs))
        return gap if math.isfinite(gap) else math.inf
    # v2 gives labels as text.
    return 0.0 if class_text(ours) == class_text(theirs) else math.inf


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _v1(
    name: str, instances: Sequence[Mapping[str, Any]], answers: Sequence[Mapping[str, Any]]
) -> WarmupRequest:
    body = json.dumps({"instances": list(instances)}).encode()
    path = f"/v1/models/{quote(name)}:predict"
    return WarmupRequest(protocol="v1", path=path, body=body, expected=answers)


def _v2(
    package: Package, instances: Sequence[Mapping[str, Any]], answers: Sequence[Mapping[str, Any]]
) -> WarmupRequest:
    inputs = [
        {
            "name": column["name"],
            "datatype": DATATYPES[column["type"]],
            "shape": [len(instances)],
            "data": [instance.get(column["name"]) for instance in instances],
        }
        for column in package.inputs
        # What to look features up by may be left out where all features are given.
        if any(column["name"] in instance for instance in instances)
    ]
    path = f"/v2/models/{quote(package.name)}/infer"
    body = json.dumps({"inputs": inputs}).encode()
    return WarmupRequest(protocol="v2", path=path, body=body, expected=answers)
