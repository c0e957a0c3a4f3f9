"""Where values are missing: columns by splits."""

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from plimsoll.pictures.cells import share_table
from plimsoll.pictures.markup import Html, element, joined
from plimsoll.pictures.tables import collapsed
from plimsoll.problem import SPLITS
from plimsoll.quantities import share_text
from plimsoll.validate.checks.check import Context
from plimsoll.validate.report.columns import named

OPEN = 25
MOST_TOGETHER = 6


def missingness(context: Context) -> Html:
    """Returns the share of rows without a value, of the columns that lack any somewhere."""
    shares = {name: missing_shares(context, name) for name in context.dataset.column_names()}
    holed = [name for name, row in shares.items() if any(share for share in row.values())]
    whole = len(shares) - len(holed)
    if not holed:
        return element("p", f"No column lacks a value, in any of {len(shares):,} columns.")
    holed.sort(key=lambda name: -max(share or 0.0 for share in shares[name].values()))
    parts = [_table(context, holed[:OPEN], shares)]
    if holed[OPEN:]:
        text = f"{len(holed) - OPEN:,} more columns with missing values"
        parts.append(collapsed(text, _table(context, holed[OPEN:], shares)))
    lines = [_together(context, holed)]
    if whole:
        lines.append(f"{whole:,} other column{'' if whole == 1 else 's'} lack no value.")
    parts += [element("p", line, class_="note") for line in lines if line]
    return joined(parts)


def missing_shares(context: Context, name: str) -> dict[str, float | None]:
    """Returns a column's share of rows without a usable value, 0 to 1, by data set.

    None where a data set does not have the column.
    """
    shares: dict[str, float | None] = {
        split: context.measured[split].missing_share(name) for split in SPLITS
    }
    for source, columns in (("baseline", context.baseline), ("serving", context.serving)):
        if columns:
            shares[source] = columns[name].missing_share if name in columns else None
    return shares


def _table(
    context: Context, names: Sequence[str], shares: Mapping[str, Mapping[str, float | None]]
) -> Html:
    sources = list(shares[names[0]])
    return share_table(
        [named(context, name) for name in names],
        sources,
        [[shares[name][source] for source in sources] for name in names],
        [
            [share_text(share) if (share := shares[name][source]) else "none" for source in sources]
            for name in names
        ],
        titles=[[_counts_text(context, name, source) for source in sources] for name in names],
    )


def _counts_text(context: Context, name: str, source: str) -> str:
    if source not in context.measured:
        columns = context.baseline if source == "baseline" else context.serving
        item = columns.get(name)
        counts = (item.nulls, item.nan, item.infinite) if item else (0, 0, 0)
    else:
        tally = context.measured[source].tallies[name]
        counts = (tally.nulls, tally.nan, tally.infinite)
    counted = [
        f"{count:,} {kind}"
        for count, kind in zip(counts, ("null", "NaN", "infinite"), strict=True)
        if count
    ]
    return f"{source}: {', '.join(counted) or 'none missing'}"


def _together(context: Context, names: Sequence[str]) -> str:
    """Says which columns lack values in just the same rows: they come from one place."""
    groups: dict[bytes, list[str]] = {}
    sample = context.measured["train"].sample
    for name in names:
        if name in sample.column_names:
            holes = _holes(sample.column(name))
            if holes.any():
                groups.setdefault(np.packbits(holes).tobytes(), []).append(name)
    alike = [group for group in groups.values() if len(group) > 1]
    if not alike:
        return ""
    listed = "; ".join(_listed(group) for group in alike[:MOST_TOGETHER])
    more = f"; and {len(alike) - MOST_TOGETHER:,} more groups" if alike[MOST_TOGETHER:] else ""
    return f"Missing in the same rows of train: {listed}{more}."


def _listed(names: Sequence[str]) -> str:
    listed = ", ".join(names[:MOST_TOGETHER])
    return f"{listed} and {len(names) - MOST_TOGETHER:,} more" if names[MOST_TOGETHER:] else listed


def _holes(column: pa.ChunkedArray) -> np.ndarray:
    if pa.types.is_floating(column.type):
        column = pc.if_else(pc.is_finite(column), column, pa.scalar(None, column.type))
    return column.is_null().to_numpy()
