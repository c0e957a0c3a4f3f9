"""Counts, shares, durations, sizes and values as a person reads them."""

import math

_UNITS = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))


def rows_text(count: int) -> str:
    """Returns ``1 row``, ``2,000 rows``."""
    return f"{count:,} row{'' if count == 1 else 's'}"


def counted(count: int, one: str, several: str) -> str:
    """Returns ``no anomalies``, ``1 anomaly``, ``12 anomalies``."""
    return f"{count or 'no'} {one if count == 1 else several}"


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


def loss_text(loss: float | None) -> str:
    """Returns a loss with the five digits that tell epochs apart; ``-`` for none."""
    return "-" if loss is None else f"{loss:.5g}"


def duration(seconds: float) -> str:
    """Returns a duration in its two greatest units: ``2 h 5 min``, ``-1 min 30 s``, ``0.25 s``."""
    sign, left = ("-" if seconds < 0 else ""), abs(seconds)
    if left < 1:
        return f"{sign}{left:.3g} s"
    parts: list[str] = []
    for name, size in _UNITS:
        count, left = divmod(left, size)
        if count or parts:
            parts.append(f"{count:,.0f} {name}" if count else "")
    return sign + " ".join(filter(None, parts[:2]))


def whole_duration(seconds: float) -> str:
    """Returns a duration in whole seconds, rounded up; ``-`` for one that there cannot be."""
    return duration(math.ceil(seconds)) if 0 <= seconds < math.inf else "-"


def measured_duration(seconds: object) -> str:
    """Returns how long something took: ``0.4 s``, ``1 min 52 s``, ``2 h 03 min``.

    Args:
        seconds: As a record has it; what is no such number gives an empty text.
    """
    if not isinstance(seconds, int | float) or not 0 <= seconds < 1e12:
        return ""
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def time_span(us: int | None) -> str:
    """Returns microseconds in the one unit that suits them: ``1.5 d``; ``none`` for none."""
    if us is None:
        return "none"
    for unit, seconds in _UNITS:
        size = seconds * 1_000_000
        if us >= size:
            return f"{us / size:.1f} {unit}" if us % size else f"{us // size} {unit}"
    return f"{us:,} µs" if us else "0 s"


def rate(samples_a_second: float) -> str:
    """Returns a rate: ``12,345 samples/s``."""
    if not math.isfinite(samples_a_second):
        return "- samples/s"
    digits = 0 if samples_a_second >= 10 else 1
    return f"{samples_a_second:,.{digits}f} samples/s"


def size(count: int) -> str:
    """Returns a number of bytes on a disk: ``12.3 MB``."""
    return _in_units(count, 1000, ("B", "kB", "MB", "GB", "TB"))


def memory(count: int) -> str:
    """Returns a number of bytes in memory: ``12.3 GiB``."""
    return _in_units(count, 1024, ("bytes", "KiB", "MiB", "GiB", "TiB"))


def _in_units(count: int, base: int, units: tuple[str, ...]) -> str:
    power = 0
    while count >= base ** (power + 1) and power < len(units) - 1:
        power += 1
    return f"{count / base**power:.1f} {units[power]}" if power else f"{count} {units[0]}"
