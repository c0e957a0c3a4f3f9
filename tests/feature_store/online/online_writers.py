"""Writes rows into the small repository's online store from processes of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
Write = tuple[str, int, int, int]
"""Driver, trips, event and created timestamp in seconds after 2024."""
BASE_S = 1_704_067_200


def entity_key(driver: str) -> Any:
    """Returns a driver's key."""
    from feast.protos.feast.types.EntityKey_pb2 import EntityKey
    from feast.protos.feast.types.Value_pb2 import Value

    return EntityKey(join_keys=["driver"], entity_values=[Value(string_val=driver)])


def as_feast(writes: Sequence[Write]) -> list[Any]:
    """Returns rows as Feast hands them to an online store."""
    from feast.protos.feast.types.Value_pb2 import Value

    return [
        (
            entity_key(driver),
            {"trips": Value(int64_val=trips), "rating": Value(double_val=trips / 2)},
            datetime.fromtimestamp(BASE_S + event, UTC),
            datetime.fromtimestamp(BASE_S + created, UTC),
        )
        for driver, trips, event, created in writes
    ]


def write(store: Any, writes: Sequence[Write], view: str = "stats") -> None:
    """Writes rows through Feast's interface, each a batch of its own, in order."""
    for row in as_feast(writes):
        store._get_provider().online_write_batch(
            store.config, store.get_feature_view(view), [row], None
        )


def start_writer(folder: Path, writes: Sequence[Write], batch: int) -> subprocess.Popen[bytes]:
    """Starts a process that writes rows in batches."""
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'components'}:{ROOT / 'tests'}"}
    command = [sys.executable, "-m", "feature_store.online.online_writers", str(folder), str(batch)]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, cwd=folder
    )
    assert process.stdin is not None
    process.stdin.write(json.dumps(list(writes)).encode() + b"\n")
    process.stdin.flush()
    return process


def go(*processes: subprocess.Popen[bytes]) -> None:
    """Lets writers that are ready write at once, and waits for all."""
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write(b"go\n")
        process.stdin.close()
    for process in processes:
        assert process.wait(timeout=120) == 0
        assert process.stdout is not None
        process.stdout.close()


def main(folder: str, batch: str) -> None:
    """Writes what standard input says, once it says go."""
    from feast import FeatureStore

    store = FeatureStore(repo_path=folder)
    provider, view = store._get_provider(), store.get_feature_view("stats")
    rows = as_feast(json.loads(sys.stdin.readline()))
    print("ready", flush=True)
    sys.stdin.readline()
    for start in range(0, len(rows), int(batch)):
        part = rows[start : start + int(batch)]
        provider.online_write_batch(store.config, view, part, None)


if __name__ == "__main__":
    main(*sys.argv[1:])
