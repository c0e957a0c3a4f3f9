"""Writes docs/components.md: what the components are given, make and need.

All of it stands in their signatures, their docstrings and ``plimsoll.components.METADATA``.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from plimsoll import components
from plimsoll.components import METADATA, Metadata
from plimsoll.images import role_of

PAGE = Path(__file__).parents[1] / "docs" / "components.md"
HEAD = """\
# The components

Written by `make catalogue` from the components themselves.

```python
from plimsoll import components  # components.ingest, components.validate, ...
```

What is `stable` stays as it is until a major version, what is `beta` until a minor one. A role is
an image and its locked environment. Where a component reads or writes state outside of the run, a
pipeline switches its caching off. A `dict` has the fields of the class that is named; from the
command line it is JSON, or a file of it.
"""
OUTSIDE = {"nothing": "nothing", "reads": "is read", "writes": "is written"}
TYPES = {"String": "str", "Integer": "int", "Float": "float", "Boolean": "bool"}


def page() -> str:
    """Returns the page's text, Markdown."""
    return "\n".join([HEAD, *(_section(name, item) for name, item in METADATA.items())])


def _section(name: str, metadata: Metadata) -> str:
    component = getattr(components, name)
    spec = component.component_spec
    role = role_of(spec.implementation.container.image)
    facts = {
        "role": f"`{role}`",
        "stability": metadata.stability,
        "state outside": OUTSIDE[metadata.outside],
        "needs": "; ".join(metadata.needs),
    }
    lines = [f"## `{name}`", "", *_paragraphs(spec.description), ""]
    lines += [f"- {label}: {text}" for label, text in facts.items() if text]
    inputs = [
        (f"`{key}`", _type(item.type), _default(item), _text(item.description))
        for key, item in spec.inputs.items()
    ]
    outputs = [
        (f"`{key}`", _type(item.type), _text(item.description))
        for key, item in spec.outputs.items()
    ]
    lines += ["", *_table(("input", "type", "default", ""), inputs)]
    lines += ["", *_table(("output", "type", ""), outputs), ""]
    return "\n".join(lines)


def _paragraphs(description: str) -> Iterator[str]:
    first, *rest = " ".join(description.split("\n")).split(". ", 1)
    yield first.removesuffix(".") + "."
    yield from (f"\n{text}" for text in rest)


def _default(item: Any) -> str:
    if not item.optional:
        return "required"
    return f"`{item.default!r}`" if item.default != "" else "empty"


def _type(kind: str) -> str:
    """Returns a type as it is written in Python: ``dict``, ``Dataset``."""
    if kind.startswith("typing.Dict"):
        return "dict"
    return TYPES.get(kind, kind.removeprefix("system.").partition("@")[0])


def _text(description: str | None) -> str:
    return " ".join((description or "").replace("``", "`").replace("|", "\\|").split())


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    for row in (head, ["---"] * len(head), *rows):
        yield f"| {' | '.join(row)} |"


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
