"""What differs between two runs, and nothing else."""

from collections.abc import Mapping
from typing import Any

# What differs between any two runs, and so says nothing.
_ALWAYS = (
    "id",
    "folder",
    "started",
    "seconds",
    "report",
    "next",
    "process",
    "forked_from",
    "changed",
)
_STEP_FIELDS = ("state", "image", "outputs", "notes")


def differences(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Returns the fields in which two records differ.

    Returns:
        A list of ``{"field", "first", "second"}``; a side that lacks a field has None.
    """
    left, right = _flat(_meaning(first)), _flat(_meaning(second))
    return [
        {"field": name, "first": left.get(name), "second": right.get(name)}
        for name in [*left, *(name for name in right if name not in left)]
        if left.get(name) != right.get(name)
    ]


def _meaning(record: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in record.items() if name not in _ALWAYS}
    kept["steps"] = {
        name: {
            **{field: step[field] for field in _STEP_FIELDS},
            "artifacts": {
                artifact: _identity(item) for artifact, item in step["artifacts"].items()
            },
        }
        for name, step in record["steps"].items()
    }
    return kept


def _identity(artifact: Mapping[str, Any]) -> dict[str, Any]:
    metadata = artifact["metadata"]
    return {name: metadata[name] for name in sorted(metadata) if name not in ("witnesses", "notes")}


def _flat(value: Any, prefix: str = "") -> dict[str, Any]:
    if isinstance(value, Mapping) and value:
        flat: dict[str, Any] = {}
        for name, item in value.items():
            flat |= _flat(item, f"{prefix}.{name}" if prefix else str(name))
        return flat
    return {prefix: value}
