"""Durations, rates and signals as a person reads them."""

from __future__ import annotations

import math
import signal

_UNITS = (("d", 86_400), ("h", 3_600), ("min", 60))
_BYTES = ("bytes", "KiB", "MiB", "GiB", "TiB")


def duration(seconds: float) -> str:
    """Returns a duration in its two greatest units: ``12 s``, ``3 min 20 s``, ``2 h 5 min``."""
    if not math.isfinite(seconds) or seconds < 0:
        return "-"
    whole = math.ceil(seconds)
    for place, (unit, size) in enumerate(_UNITS):
        if whole >= size:
            lower, lower_size = (*_UNITS, ("s", 1))[place + 1]
            rest = whole % size // lower_size
            return f"{whole // size} {unit}" + (f" {rest} {lower}" if rest else "")
    return f"{whole} s"


def rate(samples_a_second: float) -> str:
    """Returns a rate: ``12,345 samples/s``."""
    if not math.isfinite(samples_a_second):
        return "- samples/s"
    digits = 0 if samples_a_second >= 10 else 1
    return f"{samples_a_second:,.{digits}f} samples/s"


def memory(size: int) -> str:
    """Returns a size in bytes in the unit that suits it: ``12.3 GiB``."""
    value, unit = float(size), 0
    while value >= 1024 and unit < len(_BYTES) - 1:
        value, unit = value / 1024, unit + 1
    return f"{value:.1f} {_BYTES[unit]}" if unit else f"{size} bytes"


def loss_text(loss: float | None) -> str:
    """Returns a loss with the five digits that tell epochs apart; ``-`` for none."""
    return "-" if loss is None else f"{loss:.5g}"


def signal_name(number: int) -> str:
    """Returns a signal's name: ``SIGKILL``, or ``signal 99`` if it has none."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
