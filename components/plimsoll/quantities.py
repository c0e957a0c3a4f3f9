"""Counts, shares, durations and values as a person reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    pass


def rows_text(count: int) -> str:
    """Returns ``1 row``, ``2,000 rows``."""
    return f"{count:,} row{'' if count == 1 else 's'}"


def shown(value: str, limit: int = 40) -> str:
    """Returns a value in quotes, cut if it is long."""
    return repr(value if len(value) <= limit else value[: limit - 1] + "…")


def share_text(share: float) -> str:
    """Returns a share, 0 to 1, as a percentage that never rounds to 0% or 100% by accident."""
    for digits in range(1, 8):
        text = f"{share * 100:.{digits}f}"
        if (float(text) > 0 or share == 0) and (float(text) < 100 or share == 1):
            break
    return f"{text.rstrip('0').rstrip('.')}%"
