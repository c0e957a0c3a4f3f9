"""Consoles and tables of what is printed for people."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table


def plain_console(*, soft_wrap: bool = True) -> Console:
    """Returns a console that prints a text as it is.

    What users name may hold brackets and colons, which are neither markup nor emoji.
    """
    return Console(highlight=False, soft_wrap=soft_wrap, markup=False, emoji=False)


def plain_table(names: Sequence[str], *, right: Sequence[int] = (), folded: bool = True) -> Table:
    """Returns an empty table without lines.

    Args:
        names: The columns' heads.
        right: The indices of columns that are set to the right.
        folded: Whether a cell that is too long goes on below, not cut off.
    """
    table = Table(box=None, pad_edge=False)
    for index, name in enumerate(names):
        table.add_column(
            name,
            justify="right" if index in right else "left",
            overflow="fold" if folded else "ellipsis",
        )
    return table
