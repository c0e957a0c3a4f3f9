"""Numbers on axes: finite ranges, round ticks, and the same number written the same way."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

LARGEST = 1e300
DIGITS = 4
NOTHING = "–"  # noqa: RUF001 - an en dash reads as "no value" in a column of numbers
_SUFFIXES = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "K"))


def finite_number(value: object) -> float | None:
    """Returns a value as a float, or None if it is not a number, NaN, or infinite."""
    if isinstance(value, bool) or value is None:
        return None if value is None else float(value)
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return None
    return max(min(number, LARGEST), -LARGEST) if math.isfinite(number) else None


def number_text(value: object) -> str:
    """Returns a number for people: ``12,345``, ``0.7342``, ``1.2e-07``, a dash for no value."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    number = finite_number(value)
    if number is None:
        return NOTHING
    if isinstance(value, int) or (number.is_integer() and abs(number) < 1e15):
        whole = value if isinstance(value, int) else int(number)
        return f"{whole:,}" if abs(number) < 1e15 else f"{number:.3g}"
    if not 1e-4 <= abs(number) < 1e15:
        return f"{number:.{DIGITS - 2}e}"
    if abs(number) >= 10 ** (DIGITS - 1):
        return f"{number:,.1f}"
    decimals = max(DIGITS - 1 - math.floor(math.log10(abs(number))), 0)
    return f"{number:.{min(decimals, DIGITS)}f}"


def column_texts(values: Sequence[object]) -> list[str]:
    """Returns numbers that stand below or beside each other, with as many decimals each.

    Those that would show as zero, or would fill a line, are written as ``number_text`` does.
    """
    numbers = [finite_number(value) for value in values]
    fractions = [
        number
        for number in numbers
        if number is not None and not number.is_integer() and 1e-4 <= abs(number) < 1e9
    ]
    decimals = max((_decimals_shown(number) for number in fractions), default=0)
    written = []
    for value, number in zip(values, numbers, strict=True):
        plain = number is not None and not isinstance(value, bool) and abs(number) < 1e9
        if plain and number is not None and (number == 0 or abs(number) >= 0.5 * 10.0**-decimals):
            written.append(f"{number:,.{decimals}f}")
        else:
            written.append(number_text(value))
    return written


def _decimals_shown(number: float) -> int:
    """Returns how many decimals hold four significant digits, less the zeros at the end."""
    decimals = min(max(3 - math.floor(math.log10(abs(number))), 1), 4)
    return len(f"{number:.{decimals}f}".rstrip("0").partition(".")[2])


@dataclass(frozen=True, kw_only=True)
class Scale:
    """A range of values on an axis, with the ticks to draw on it."""

    low: float
    high: float
    ticks: tuple[float, ...]
    labels: tuple[str, ...]

    def share(self, value: float) -> float:
        """Returns where a value lies, 0 at ``low`` and 1 at ``high``, kept within that."""
        return max(0.0, min(1.0, (value / 2 - self.low / 2) / (self.high / 2 - self.low / 2)))


def linear_scale(
    values: Iterable[object],
    *,
    ticks: int = 5,
    domain: tuple[float, float] | None = None,
    from_zero: bool = False,
    whole: bool = False,
    round_ends: bool = True,
) -> Scale:
    """Returns a scale over the finite values, of some width even for one value or none.

    Args:
        values: What must fit; what is not a finite number is left out.
        ticks: About how many ticks to draw.
        domain: The ends, if they are known.
        from_zero: Whether zero must be on the scale.
        whole: Whether only whole numbers are meaningful (epochs, counts).
        round_ends: Whether the ends move out to the next tick.
    """
    numbers = [number for number in map(finite_number, values) if number is not None]
    low, high = domain or (min(numbers, default=0.0), max(numbers, default=1.0))
    if from_zero:
        low, high = min(low, 0.0), max(high, 0.0)
    low, high = _widened(low, high, from_zero=from_zero)
    step = _round_step(high / 2 - low / 2, ticks, whole=whole)
    if round_ends and domain is None:
        low, high = _round_down(low, step), -_round_down(-high, step)
        high = high if high > low else low + step
    marks = _multiples(low, high, step)
    return Scale(low=low, high=high, ticks=marks, labels=tuple(_labels(marks, step)))


def _widened(low: float, high: float, *, from_zero: bool) -> tuple[float, float]:
    enough = max(abs(low), abs(high), 1e-290) * 1e-9
    if high / 2 - low / 2 > enough:
        return low, high
    if low == 0.0 and high == 0.0:
        return 0.0, 1.0
    if from_zero:
        return min(low, 0.0), max(high, 0.0)
    around = max(abs(low), 1e-290) * 0.5
    return low - around, high + around


def _round_step(half_width: float, ticks: int, *, whole: bool) -> float:
    rough = max(half_width / max(ticks, 1) * 2, 1e-300)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(
        (power * unit for unit in (1, 2, 2.5, 5) if power * unit >= rough * 0.85), power * 10
    )
    return max(1.0, float(math.ceil(step))) if whole else step


def _round_down(value: float, step: float) -> float:
    lower = math.floor(value / step + 1e-9) * step
    return lower if math.isfinite(lower) and abs(lower) <= 1.7 * LARGEST else value


def _multiples(low: float, high: float, step: float) -> tuple[float, ...]:
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    if last - first > 100:
        return (low, high)
    return tuple(index * step for index in range(first, last + 1))


def _labels(ticks: tuple[float, ...], step: float) -> list[str]:
    largest = max((abs(tick) for tick in ticks), default=0.0)
    if largest == 0:
        return ["0" for _ in ticks]
    if largest >= 1e15 or largest < 1e-4:
        return ["0" if tick == 0 else f"{tick:.3g}".replace("e+", "e") for tick in ticks]
    unit, suffix = next(
        (
            (unit, suffix)
            for unit, suffix in _SUFFIXES
            if largest >= max(unit, 10_000) and _decimals(step / unit) <= 2
        ),
        (1.0, ""),
    )
    decimals = min(_decimals(step / unit), 6)
    return [
        "0" if abs(tick) < step / 1e6 else f"{tick / unit:,.{decimals}f}{suffix}" for tick in ticks
    ]


def _decimals(step: float) -> int:
    return next((digits for digits in range(7) if abs(round(step, digits) / step - 1) < 1e-6), 6)
