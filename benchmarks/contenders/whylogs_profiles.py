"""whylogs: a profile of each file."""

from pathlib import Path

import clock
import pandas as pd
import whylogs


def work(reference: Path, current: Path) -> object:
    """Returns how many columns were profiled."""
    views = [
        whylogs.log(pandas=pd.read_csv(path, engine="pyarrow")).view()
        for path in (reference, current)
    ]
    return f"{len(views[1].to_pandas())} columns profiled"


if __name__ == "__main__":
    clock.timed(work)
