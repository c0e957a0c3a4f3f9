"""CSV text for the tests of ingest, and what to ask of its results."""

from collections.abc import Sequence

from plimsoll.ingest.core import IngestResult


def table(header: str, rows: Sequence[str]) -> str:
    """Returns CSV text."""
    return "\n".join([header, *rows]) + "\n"


def forty(header: str = "a,b,y", row: str = "{half},{letter},{bit}") -> str:
    """Returns CSV text of 40 rows; ``row`` may name n, half, letter and bit."""
    return table(
        header,
        [row.format(n=n, half=n / 2, letter="uvw"[n % 3], bit=n % 2) for n in range(40)],
    )


def everything(result: IngestResult) -> dict[str, list]:
    """Returns all rows of all splits, by column."""
    found: dict[str, list] = {name: [] for name in result.dataset.column_names()}
    for split in result.dataset.splits:
        for name, values in result.dataset.read(split).to_pydict().items():
            found[name] += values
    return found


def told(result: IngestResult, words: str) -> bool:
    """Says if a note holds the words."""
    return any(words in note for note in result.dataset.inferred)
