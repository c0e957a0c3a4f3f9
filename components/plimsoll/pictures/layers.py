"""Places the nodes of a graph in layers, so that edges run down and seldom cross.

The layered method of Sugiyama in small: layers of bounded width by the order of dependence,
lanes through the layers that an edge passes, sweeps that put each item near its neighbours, and
positions that are as near to theirs as the widths allow.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

MOST_ACROSS = 5
SWEEPS = 10
GAP = 20.0
LANE = 2.0
PULLS = (1.0, 0.6, 0.3, 0.0)


@dataclass(eq=False, kw_only=True)
class Item:
    """A place in a layer: a node, or a lane that edges from one node take to layers below."""

    name: str
    """The node; for a lane the node that its edges leave."""
    layer: int
    """0 at the top."""
    width: float
    """In pixels."""
    lane: bool
    """Whether this is a lane."""
    x: float = 0.0
    """The middle, in pixels from the left."""
    above: list[Item] = field(default_factory=list)
    """Where edges come from, in the layer above."""
    below: list[Item] = field(default_factory=list)
    """Where edges go, in the layer below."""


def ordered(after: Mapping[str, Sequence[str]]) -> list[str]:
    """Returns the names so that each comes after those it waits for, else as they come.

    Where nodes wait for each other in a circle, the first of them goes first.
    """
    waits = {
        name: {other for other in before if other in after and other != name}
        for name, before in after.items()
    }
    order: list[str] = []
    while waits:
        ready = next((name for name, before in waits.items() if not before), next(iter(waits)))
        order.append(ready)
        del waits[ready]
        for before in waits.values():
            before.discard(ready)
    return order


def layered(after: Mapping[str, Sequence[str]], width: float, room: float) -> list[list[Item]]:
    """Returns the layers from top to bottom, their items placed from the left edge at 0.

    Args:
        after: The names each node waits for, by its name; unknown names are left out.
        width: Of a node, in pixels.
        room: Pixels that the whole should fit; layers are centred rather than below their
            neighbours if they would not, and it is passed only if the widest layer must.
    """
    order = ordered(after)
    position = {name: index for index, name in enumerate(order)}
    parents = {
        name: sorted(
            {p for p in after[name] if position.get(p, len(order)) < position[name]},
            key=position.__getitem__,
        )
        for name in order
    }
    rows = _linked(order, parents, _layer_of(order, parents), width)
    for sweep in range(SWEEPS):
        _sort_rows(rows, downward=sweep % 2 == 0)
    for pull in PULLS:
        _spread(rows, pull)
        if extent(rows) <= room:
            break
    return rows


def extent(rows: Sequence[Sequence[Item]]) -> float:
    """Returns how wide placed layers are, in pixels."""
    return max((item.x + item.width / 2 for row in rows for item in row), default=0.0)


def _layer_of(order: Sequence[str], parents: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """Puts each node in the first layer below its parents that has room."""
    layers: dict[str, int] = {}
    taken: dict[int, int] = {}
    for name in order:
        layer = max((layers[parent] + 1 for parent in parents[name]), default=0)
        while taken.get(layer, 0) >= MOST_ACROSS:
            layer += 1
        layers[name] = layer
        taken[layer] = taken.get(layer, 0) + 1
    return layers


def _linked(
    order: Sequence[str],
    parents: Mapping[str, Sequence[str]],
    layers: Mapping[str, int],
    width: float,
) -> list[list[Item]]:
    """Makes the items and their edges; edges from one node share its lanes."""
    rows: list[list[Item]] = [[] for _ in range(max(layers.values(), default=-1) + 1)]
    items = {}
    for name in order:
        items[name] = Item(name=name, layer=layers[name], width=width, lane=False)
        rows[layers[name]].append(items[name])
    lanes: dict[tuple[str, int], Item] = {}
    for name in order:
        for parent in parents[name]:
            before = items[parent]
            for layer in range(layers[parent] + 1, layers[name]):
                if (parent, layer) not in lanes:
                    lane = Item(name=parent, layer=layer, width=LANE, lane=True)
                    lanes[parent, layer] = lane
                    rows[layer].append(lane)
                    _link(before, lane)
                before = lanes[parent, layer]
            _link(before, items[name])
    return rows


def _link(upper: Item, lower: Item) -> None:
    upper.below.append(lower)
    lower.above.append(upper)


def _sort_rows(rows: list[list[Item]], *, downward: bool) -> None:
    """Sorts each row by the mean place of its neighbours in the row before."""
    sequence = rows if downward else rows[::-1]
    for before, row in itertools.pairwise(sequence):
        positions = {id(item): index / max(len(before), 1) for index, item in enumerate(before)}
        own = {id(item): index / max(len(row), 1) for index, item in enumerate(row)}

        def mean(
            item: Item, positions: dict[int, float] = positions, own: dict[int, float] = own
        ) -> float:
            near = [positions[id(other)] for other in (item.above if downward else item.below)]
            return sum(near) / len(near) if near else own[id(item)]

        row.sort(key=mean)


def _spread(rows: list[list[Item]], pull: float) -> None:
    """Centres the layers, moves items towards their neighbours, then all to the left edge.

    Args:
        rows: The layers.
        pull: How far towards the neighbours: 1 is to their middle, 0 leaves layers centred.
    """
    for row in rows:
        _set_positions(row, [0.0] * len(row))
    for sweep in range(SWEEPS):
        downward = sweep % 2 == 0
        for row in rows if downward else rows[::-1]:
            _set_positions(row, [_target(item, downward=downward) * pull for item in row])
    every = [item for row in rows for item in row]
    left = min((item.x - item.width / 2 for item in every), default=0.0)
    for item in every:
        item.x = round(item.x - left, 1)


def _target(item: Item, *, downward: bool) -> float:
    near = item.above if downward else item.below
    near = near or item.above or item.below
    straight = [other for other in near if not other.lane] or near
    chosen = straight if not item.lane else [o for o in near if o.name == item.name] or near
    return sum(other.x for other in chosen) / len(chosen) if chosen else item.x


def _set_positions(row: Sequence[Item], targets: Sequence[float]) -> None:
    """Sets the positions nearest to those wanted, in least squares, that keep the gaps.

    With the gaps taken off it is a regression that must not decrease: neighbours out of order
    are pooled at their mean.
    """
    offsets, total = [], 0.0
    for index, item in enumerate(row):
        if index:
            total += (row[index - 1].width + item.width) / 2
            total += GAP / 2 if item.lane or row[index - 1].lane else GAP
        offsets.append(total)
    pools: list[tuple[float, float, int]] = []
    for item, want, offset in zip(row, targets, offsets, strict=True):
        weight = 1.0 if item.lane else 1e6
        pool = (want - offset, weight, 1)
        while pools and pools[-1][0] > pool[0]:
            value, heavy, count = pools.pop()
            joint = heavy + pool[1]
            pool = ((value * heavy + pool[0] * pool[1]) / joint, joint, count + pool[2])
        pools.append(pool)
    flat = [value for value, _, count in pools for _ in range(count)]
    for item, value, offset in zip(row, flat, offsets, strict=True):
        item.x = value + offset
