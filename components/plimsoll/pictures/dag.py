"""The picture of a pipeline's graph: boxes with their states, each below what it waits for."""

from collections.abc import Sequence
from dataclasses import dataclass

from plimsoll.pictures.layers import Item, extent, layered
from plimsoll.pictures.markup import Html, element, escaped, joined, text_width

NODE_WIDTH = 208.0
NARROW_NODE = 176.0
ROOM = 1000.0
NODE_HEIGHT = 54.0
LAYER_GAP = 32.0
MARGIN = 4.0


@dataclass(frozen=True, kw_only=True)
class Node:
    """A step as it is drawn."""

    name: str
    """The step's name; shortened to fit."""
    after: tuple[str, ...] = ()
    """Names of the steps it waits for; unknown names are left out."""
    detail: str = ""
    """A line below the name: role, seconds."""
    state: str = ""
    """The state in a word or two, for who cannot see the sign."""
    tone: str = "dull"
    """Colour of the sign: good, bad, warn, info or dull."""
    sign: str = "·"
    """One letter for the state, so that colour is not needed to tell it."""
    tag: str = ""
    """A short word at the right: cached."""
    link: str = ""
    """Where a click leads: ``#`` and an id of the page."""


def dag(nodes: Sequence[Node]) -> tuple[Html, int]:
    """Returns the graph as SVG, and its width in pixels.

    Args:
        nodes: The steps in any order. Edges that close a circle are left out.
    """
    by_name = {node.name: node for node in nodes}
    after = {node.name: node.after for node in nodes}
    rows = layered(after, NODE_WIDTH, ROOM)
    if extent(rows) > ROOM:
        rows = layered(after, NARROW_NODE, ROOM)
    items = [item for row in rows for item in row]
    if not items:
        return Html(), 0
    width = round(extent(rows) + 2 * MARGIN)
    height = round(_top(len(rows) - 1) + NODE_HEIGHT + MARGIN)
    edges = [
        element("path", d=_edge(item, child), class_="edge")
        for item in items
        for child in item.below
    ]
    edges += [
        element(
            "path",
            d=f"M{item.x + MARGIN:.1f} {_top(item.layer):.1f}v{NODE_HEIGHT:.1f}",
            class_="edge",
        )
        for item in items
        if item.lane
    ]
    boxes = [_box(by_name[item.name], item) for item in items if not item.lane]
    described = ", ".join(f"{node.name} {node.state}".strip() for node in nodes)
    kind = "dag snug" if width > ROOM else "dag"
    opening = (
        f'<svg class="{kind}" role="group" aria-label="Graph of the steps: {escaped(described)}" '
        f'width="{width}" height="{height}" viewBox="0 0 {width} {height}">'
    )
    return Html(f"{opening}{joined([*edges, *boxes])}</svg>"), width


def fitting(text: str, width: float, size: float) -> str:
    """Returns the text, its middle left out as far as it must be to fit ``width`` pixels."""
    kept = len(text)
    while kept > 3 and text_width(_cut(text, kept), size) > width:
        kept -= 1
    return _cut(text, kept)


def _cut(text: str, kept: int) -> str:
    if kept >= len(text):
        return text
    tail = kept // 3
    return f"{text[: kept - tail]}…{text[len(text) - tail :]}"


def _top(layer: int) -> float:
    return MARGIN + layer * (NODE_HEIGHT + LAYER_GAP)


def _edge(upper: Item, lower: Item) -> str:
    x1, y1 = upper.x + MARGIN, _top(upper.layer) + NODE_HEIGHT
    x2, y2 = lower.x + MARGIN, _top(lower.layer)
    middle = (y1 + y2) / 2
    return f"M{x1:.1f} {y1:.1f}C{x1:.1f} {middle:.1f} {x2:.1f} {middle:.1f} {x2:.1f} {y2:.1f}"


def _box(node: Node, item: Item) -> Html:
    left, top = item.x - item.width / 2 + MARGIN, _top(item.layer)
    tag_width = text_width(node.tag, 11) + 14 if node.tag else 0.0
    room = item.width - 58
    parts = [
        element("title", " · ".join(filter(None, [node.name, node.state, node.detail, node.tag]))),
        element("rect", width=item.width, height=NODE_HEIGHT, rx=11, class_="box"),
        element("circle", cx=24, cy=NODE_HEIGHT / 2, r=11, class_="sign"),
        element(
            "text",
            node.sign,
            x=24,
            y=NODE_HEIGHT / 2 + 4.5,
            text_anchor="middle",
            class_="sign-text",
        ),
        element("text", fitting(node.name, room, 15.5), x=44, y=23, class_="step-name"),
        element(
            "text", fitting(node.detail, room - tag_width, 12), x=44, y=41, class_="step-detail"
        ),
    ]
    if node.tag:
        end = item.width - 10
        parts.append(
            element(
                "rect",
                x=f"{end - tag_width:.1f}",
                y=29,
                width=f"{tag_width:.1f}",
                height=17,
                rx=8.5,
                class_="tag",
            )
        )
        parts.append(
            element(
                "text",
                node.tag,
                x=f"{end - tag_width / 2:.1f}",
                y=41,
                text_anchor="middle",
                class_="tag-text",
            )
        )
    box = element(
        "g", joined(parts), class_=f"node {node.tone}", transform=f"translate({left:.1f} {top:.1f})"
    )
    return element("a", box, href=node.link) if node.link else box
