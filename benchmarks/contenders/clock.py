"""Times a contender's work after its imports, and reads its peak memory from Linux."""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path


def timed(work: Callable[[Path, Path], object]) -> None:
    """Runs the work on the two files named on the command line and prints what it took."""
    reference, current = (Path(name) for name in sys.argv[1:3])
    before = resident_mb("VmRSS")
    begun, begun_busy = time.perf_counter(), time.process_time()
    found = work(reference, current)
    seconds = time.perf_counter() - begun
    busy = time.process_time() - begun_busy
    print(
        json.dumps(
            {
                "seconds": seconds,
                "busy_seconds": busy,
                "imports_mb": before,
                "peak_mb": resident_mb("VmHWM"),
                "found": str(found),
            }
        )
    )


def resident_mb(field: str) -> float:
    """Returns the process's resident memory, now (VmRSS) or at its peak (VmHWM)."""
    lines = Path("/proc/self/status").read_text("utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field)) / 1024
