"""Writes the JSON Schemas of the configurations, and the page about them: `make schemas`.

They are in `schemas/`, for editors and for whoever builds forms; `docs/configuration.md` has the
same in tables. Both come from the annotations and docstrings of the code.
"""

import json
from pathlib import Path
from typing import Any

from plimsoll.configuration.validation import json_schema
from plimsoll.features.config import FeaturesConfig
from plimsoll.ingest.config import IngestConfig
from plimsoll.materialize.config import MaterializeConfig
from plimsoll.problem import Problem
from plimsoll.push_features.config import PushConfig
from plimsoll.train.config import TrainConfig
from plimsoll.train.launch.config import LauncherConfig
from plimsoll.transform.config import TransformConfig
from plimsoll.transform.treatments import SETTINGS
from plimsoll.tune.applicability import FIXED
from plimsoll.tune.config import TuneConfig
from plimsoll.validate.config import ValidateConfig

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "schemas"
PAGE = ROOT / "docs" / "configuration.md"
CONFIGS: dict[str, tuple[type, str]] = {
    "problem": (Problem, "The problem file (`--problem`)"),
    "ingest": (IngestConfig, "`--ingest-config`"),
    "validate": (ValidateConfig, "`--gate-config`"),
    "features": (FeaturesConfig, "`--features-config`"),
    "transform": (TransformConfig, "`--transform-config`"),
    "train": (TrainConfig, "`--train-config`"),
    "launcher": (LauncherConfig, "`--launcher-config`"),
    "tune": (TuneConfig, "`--tune-config`"),
    "materialize": (MaterializeConfig, "`--materialize-config`"),
    "push_features": (PushConfig, "`--push-config`"),
}
INTRODUCTION = """# Configuration

Every configuration is a JSON object; the problem file may be YAML. All fields may be left out but
those marked *required*. What is misspelt, of the wrong type or out of bounds is refused before
anything runs, with the field and what would do.

Their JSON Schemas are in [schemas/](../schemas), and in the wheel: `plimsoll config list` says
where, `plimsoll config show train` prints one. An editor that knows the YAML Language Server
completes and checks a problem file by its first line:

```yaml
# yaml-language-server: $schema=../../schemas/problem.json
```

`make schemas` writes this page and the schemas from the code.
"""


def schemas() -> dict[str, dict[str, Any]]:
    """Returns each configuration's JSON Schema by its name."""
    made = {name: json_schema(kind) for name, (kind, _) in CONFIGS.items()}
    _restrict_settings(made["transform"]["$defs"]["Treatment"])
    problem, transform = made["problem"], made["transform"]
    about = problem["properties"]["columns"]["description"]
    problem["properties"]["columns"] = transform["properties"]["columns"] | {"description": about}
    problem["$defs"] |= {"Treatment": transform["$defs"]["Treatment"]}
    made["space"] = _space(made["train"])
    return {name: _finished(name, schema) for name, schema in made.items()}


def _restrict_settings(treatment: dict[str, Any]) -> None:
    """Lets each kind of treatment have its own settings alone."""
    treatment["required"] = ["kind"]
    treatment["allOf"] = [
        {
            "if": {"properties": {"kind": {"const": kind}}},
            "then": {"propertyNames": {"enum": ["kind", *settings]}},
        }
        for kind, settings in SETTINGS.items()
    ]


def _space(train: dict[str, Any]) -> dict[str, Any]:
    """Returns the schema of a search space, made of the fields that are searched."""
    properties = {
        name: {"anyOf": _searched(field), "description": field["description"]}
        for name, field in train["properties"].items()
        if name not in FIXED
    }
    return {
        "description": "Which fields of the train config are searched, and between what.",
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
        "minProperties": 1,
    }


def _searched(field: dict[str, Any]) -> list[dict[str, Any]]:
    value = {name: item for name, item in field.items() if name not in ("default", "description")}
    choices: dict[str, Any] = {"type": "array", "items": value, "minItems": 1}
    forms = [choices, _object({"choices": choices}, required=["choices"])]
    if field.get("type") in ("integer", "number"):
        above = {"type": field["type"], "exclusiveMinimum": 0}
        ends = {"low": value, "high": value, "log": {"type": "boolean"}, "step": above}
        forms.append(_object(ends, required=["low", "high"]))
    return forms


def _object(properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }


def _finished(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    title = {"problem": "Problem file", "space": "Search space"}.get(name, f"{name} config")
    dialect = "https://json-schema.org/draft/2020-12/schema"
    plain = _plain({item: value for item, value in schema.items() if item != "title"})
    return {"$schema": dialect, "title": title[0].upper() + title[1:].replace("_", " "), **plain}


def _plain(value: Any, *, names: bool = False) -> Any:
    """Drops titles that are names again, closes mappings, and makes docstrings one line.

    Args:
        value: A schema, or a part of one.
        names: Whether the keys of the value are fields' names, of which one may be ``title``.
    """
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if not isinstance(value, dict):
        return value
    made = {
        key: _plain(item, names=key in ("properties", "$defs"))
        for key, item in value.items()
        if names or key != "title"
    }
    if "patternProperties" in made:
        made["additionalProperties"] = False
    if isinstance(made.get("description"), str):
        made["description"] = " ".join(made["description"].split()).replace("``", "`")
    return made


def page(made: dict[str, dict[str, Any]]) -> str:
    """Returns the page of all configurations, a table each."""
    parts = [INTRODUCTION]
    for name, (_, given) in CONFIGS.items():
        parts.append(_section(f"## {made[name]['title']}", given, made[name]))
        for part, schema in made[name].get("$defs", {}).items():
            if part != "Treatment" or name == "transform":
                parts.append(_section(f"### {part}", "", schema))
    return "\n".join(parts)


def _section(title: str, given: str, schema: dict[str, Any]) -> str:
    about = schema.get("description", "")
    lines = [title, "", f"{given}. {about}" if given else about, ""]
    lines += ["| field | is | default | |", "|---|---|---|---|"]
    for name, field in schema["properties"].items():
        default = "*required*" if name in schema.get("required", ()) else _default(field)
        row = (f"`{name}`", _type(field), default, field.get("description", ""))
        lines.append("| " + " | ".join(text.replace("|", "\\|") for text in row) + " |")
    return "\n".join(lines) + "\n"


def _default(field: dict[str, Any]) -> str:
    default = field.get("default", {})
    return "" if default in ("", {}, [], None) else f"`{json.dumps(default)}`"


def _type(field: dict[str, Any]) -> str:
    if "$ref" in field:
        return str(field["$ref"]).rpartition("/")[2]
    if "anyOf" in field:
        given = [item for item in field["anyOf"] if item.get("type") != "null"]
        # What YAML takes for a number or a bool is a text, too.
        if {"type": "string"} in given and {"type": "boolean"} in given:
            return "text"
        return " or ".join(dict.fromkeys(map(_type, given)))
    if "enum" in field:
        return ", ".join(f"`{item}`" for item in field["enum"] if item)
    if "const" in field:
        return f"`{field['const']}`"
    if field["type"] == "array":
        items = field.get("items") or {"type": "number"}
        return f"list of {_type(items)}"
    if field["type"] == "object":
        return "mapping"
    names: dict[str, str] = {
        "string": "text",
        "integer": "whole number",
        "boolean": "true or false",
    }
    return names.get(field["type"], str(field["type"])) + _bounds(field)


def _bounds(field: dict[str, Any]) -> str:
    words = {
        "minimum": "from",
        "exclusiveMinimum": "above",
        "maximum": "to",
        "exclusiveMaximum": "below",
    }
    return "".join(f" {word} {field[name]:,}" for name, word in words.items() if name in field)


def files() -> dict[Path, str]:
    """Returns each file that is written, and its text."""
    made = schemas()
    texts = {
        FOLDER / f"{name}.json": json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
        for name, schema in made.items()
    }
    return {**texts, PAGE: page(made)}


def main() -> None:
    """Writes them."""
    FOLDER.mkdir(exist_ok=True)
    for path, text in files().items():
        path.write_text(text, "utf-8")
        print(path.relative_to(ROOT))


if __name__ == "__main__":
    main()
