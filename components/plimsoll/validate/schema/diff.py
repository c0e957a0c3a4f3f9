"""What differs between two schemas, column by column and field by field, in words."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from plimsoll.errors import shortened
from plimsoll.quantities import share_text, shown
from plimsoll.validate.schema.inference import domain_values, number_domain

MOST_VALUES = 8
TYPES = {"INT": "whole numbers", "FLOAT": "numbers", "BYTES": "text", "STRUCT": "structures"}
FIELD_NAMES = {
    "type": "type",
    "presence.min_fraction": "share of rows with a value, at least",
    "presence.min_count": "rows with a value, at least",
    "lifecycle_stage": "stage",
    "distribution_constraints.min_domain_mass": "share of values from the domain, at least",
    "unique_constraints.min": "different values, at least",
    "unique_constraints.max": "different values, at most",
    "value_count.min": "values a row, at least",
    "value_count.max": "values a row, at most",
    "int_domain.min": "least value",
    "int_domain.max": "greatest value",
    "float_domain.min": "least value",
    "float_domain.max": "greatest value",
    "float_domain.disallow_nan": "NaN refused",
    "float_domain.disallow_inf": "infinities refused",
    "int_domain.is_categorical": "numbers that are names",
    "in_environment": "only in",
    "not_in_environment": "not in",
    "default_environment": "environments",
    "dataset_constraints.min_examples_count": "rows, at least",
    "dataset_constraints.max_examples_count": "rows, at most",
}
"""Path of a field -> what it is called here; others are called by their path."""
_SHARES = ("presence.min_fraction", "distribution_constraints.min_domain_mass")
_BY_NAME = ("feature", "string_domain", "int_domain", "float_domain")


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One thing in which two schemas differ."""

    column: str
    """Empty: the schema as a whole."""
    kind: str
    """``added``, ``removed`` or ``changed``."""
    text: str

    def sentence(self) -> str:
        """Returns the difference as one line for people."""
        return f"column {self.column!r}: {self.text}" if self.column else self.text

    def to_json(self) -> dict[str, str]:
        """Returns it as JSON values."""
        return {"column": self.column, "kind": self.kind, "said": self.text}


def differences(old: Any, new: Any) -> list[Difference]:
    """Returns what differs between two ``Schema`` protos; none if they say the same.

    The order of columns counts for nothing, nor does the name of a domain.
    """
    before = {feature.name: feature for feature in old.feature}
    after = {feature.name: feature for feature in new.feature}
    result = [
        Difference(column="", kind="changed", text=_field_change(path, *values))
        for path, values in _changed(old, new, skip=_BY_NAME)
    ]
    for name, feature in before.items():
        if name not in after:
            result.append(Difference(column=name, kind="removed", text="removed"))
            continue
        result += [
            Difference(column=name, kind="changed", text=text)
            for text in _of_column(old, feature, new, after[name])
        ]
    for name, feature in after.items():
        if name not in before:
            text = f"added, {_type_text(feature)}"
            values = domain_values(new, feature)
            if values is not None:
                text += f", one of {_listed(values)}"
            result.append(Difference(column=name, kind="added", text=text))
    return result


def _of_column(old: Any, before: Any, new: Any, after: Any) -> Iterator[str]:
    values, others = domain_values(old, before), domain_values(new, after)
    if values != others:
        yield _domain_change(values, others)
    ranges = _range(old, before), _range(new, after)
    for end, one, other in zip(("least", "greatest"), *ranges, strict=True):
        if one != other:
            yield f"{end} value: {_or_none(one)} -> {_or_none(other)}"
    compared_above = ("name", "domain", "string_domain", "bool_domain")
    for path, (one, other) in _changed(before, after, skip=compared_above):
        if path.startswith(("int_domain.m", "float_domain.m")):
            continue
        yield _field_change(path, one, other)


def _field_change(path: str, before: Any, after: Any) -> str:
    return f"{FIELD_NAMES.get(path, path)}: {_shown(path, before)} -> {_shown(path, after)}"


def _changed(
    old: Any, new: Any, skip: Sequence[str] = (), path: str = ""
) -> Iterator[tuple[str, tuple[Any, Any]]]:
    """Yields the path of each field that differs, with its two values; None: not there."""
    for field in new.DESCRIPTOR.fields:
        if field.name in skip:
            continue
        name = f"{path}.{field.name}" if path else field.name
        if not field.has_presence:  # repeated, in proto2
            before, after = list(getattr(old, field.name)), list(getattr(new, field.name))
            if before != after:
                yield name, (before or None, after or None)
            continue
        values = [
            getattr(side, field.name) if side.HasField(field.name) else None for side in (old, new)
        ]
        if field.message_type is not None and any(value is not None for value in values):
            before, after = getattr(old, field.name), getattr(new, field.name)
            yield from _changed(before, after, (), name)
            if before == after and None in values:
                yield name, (None if values[0] is None else "set", values[1] and "set")
        elif values[0] != values[1]:
            if field.enum_type is not None:
                values = [
                    None if value is None else field.enum_type.values_by_number[value].name
                    for value in values
                ]
            yield name, (values[0], values[1])


def _range(schema: Any, feature: Any) -> tuple[Any, Any]:
    domain = number_domain(schema, feature)
    if domain is None:
        return None, None
    return (
        domain.min if domain.HasField("min") else None,
        domain.max if domain.HasField("max") else None,
    )


def _domain_change(before: Sequence[str] | None, after: Sequence[str] | None) -> str:
    if before is None or after is None:
        return f"domain: {_listed(before)} -> {_listed(after)}"
    added = [value for value in after if value not in set(before)]
    removed = [value for value in before if value not in set(after)]
    parts = [f"values added: {_listed(added)}"] if added else []
    parts += [f"values removed: {_listed(removed)}"] if removed else []
    return "; ".join(parts) or "values in another order"


def _listed(values: Sequence[str] | None) -> str:
    if values is None:
        return "none"
    return shortened([shown(value) for value in values], MOST_VALUES)


def _type_text(feature: Any) -> str:
    kind = feature.DESCRIPTOR.fields_by_name["type"].enum_type.values_by_number[feature.type].name
    return f"{TYPES.get(kind, 'of any type')} ({kind})" if kind in TYPES else "of any type"


def _shown(path: str, value: Any) -> str:
    if path == "type" and value in TYPES:
        return f"{TYPES[value]} ({value})"
    if path in _SHARES and value is not None:
        return share_text(round(float(value), 6))
    if isinstance(value, list):
        return shortened([str(item).strip().replace("\n", " ") for item in value], MOST_VALUES)
    return _or_none(value)


def _or_none(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:.9g}" if isinstance(value, float) else str(value)
