"""Times a contender's work after its imports, and reads its peak memory from Linux."""

import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path


def timed(work: Callable[[Path, Path], object]) -> None:
    """Runs the work on the two files named on the command line and prints what it took."""
    reference, current = (Path(name) for name in sys.argv[1:3])
    before = resident_mb("VmRSS")
    begun, begun_busy = time.perf_counter(), busy_seconds()
    found = work(reference, current)
    seconds = time.perf_counter() - begun
    busy = busy_seconds() - begun_busy
    print(
        json.dumps(
            {
                "seconds": seconds,
                "busy_seconds": busy,
                "imports_mb": before,
                "peak_mb": resident_mb("VmHWM"),
                "worker_mb": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024,
                "found": str(found),
            }
        )
    )


def busy_seconds() -> float:
    """Returns the processor's seconds of this process and of those that it ended."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + ended.ru_utime + ended.ru_stime


def resident_mb(field: str) -> float:
    """Returns the process's resident memory, now (VmRSS) or at its peak (VmHWM)."""
    lines = Path("/proc/self/status").read_text("utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field)) / 1024
