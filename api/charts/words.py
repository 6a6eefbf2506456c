"""How charts and their tables write numbers, days and names: without a locale, and short enough for their place."""

import math
import textwrap
from datetime import date

__all__ = [
    "MONTHS",
    "UNKNOWN",
    "change_text",
    "day_text",
    "interval_text",
    "readable",
    "share_text",
    "superscript",
    "units_text",
    "weeks_text",
    "wrapped",
]

UNKNOWN = "unknown"
ELLIPSIS, DOT = "…", " · "
MINUS = "−"
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
WRITTEN_OUT = 1e9
NEXT_TO_NOTHING = 1e-3
FEW_DIGITS = 0.1
SMALLEST = 1e-4


def units_text(value: float | None) -> str:
    """Return units as people write them: small ones to two digits, and powers of ten only where digits would mislead."""
    if value is None or not math.isfinite(value):
        return UNKNOWN
    size = abs(value)
    if size == 0:
        return "0"
    if size >= WRITTEN_OUT or size < SMALLEST:
        digits, _, power = f"{value:.2e}".partition("e")
        return _signed(f"{digits} × 10{superscript(int(power))}")
    if size < FEW_DIGITS:
        return _signed(f"{value:.2g}")
    return _signed(f"{value:,.{0 if size >= 1000 else 1 if size >= 1 else 2}f}")


def change_text(value: float | None) -> str:
    """Return a difference with its sign."""
    text = units_text(value)
    return f"+{text}" if value is not None and value > 0 and math.isfinite(value) else text


def interval_text(low: float | None, high: float | None) -> str:
    """Return an interval's two ends; a lower one that is next to nothing beside the upper one is written as 0."""
    if low is None or high is None:
        return UNKNOWN
    nothing = math.isfinite(low) and 0 < low < NEXT_TO_NOTHING * high
    return f"{'0' if nothing else units_text(low)} to {units_text(high)}"


def share_text(part: float, whole: float) -> str:
    """Return a part as a percentage of the whole; nothing where there is nothing to divide by."""
    if not (math.isfinite(part) and math.isfinite(whole)) or whole <= 0:
        return ""
    share = 100 * part / whole
    if 0 < abs(share) < 0.1:
        return "under 0.1 %"
    return _signed(f"{share:.{0 if share == 0 or abs(share) >= 1 else 1}f} %")


def day_text(day: date) -> str:
    """Return a day such as `1 Jan 2018`."""
    return f"{day.day} {MONTHS[day.month - 1]} {day.year}"


def weeks_text(weeks: int) -> str:
    """Return a number of weeks."""
    return "1 week" if weeks == 1 else f"{weeks} weeks"


def readable(text: str) -> str:
    """Return a name without characters that cannot be seen, which SVG may not hold, on one line."""
    return " ".join("".join(one if one.isprintable() else " " for one in text).split())


def wrapped(text: str, width: int, lines: int) -> str:
    """Return a name in at most `lines` lines of `width` characters. What is left out is marked.

    A name's last part is kept where it is short: it is the id by which products of one name are told apart.
    """
    whole = readable(text)
    if len(found := _broken(whole, width)) > lines:
        head, dot, last = whole.rpartition(DOT)
        end = f"{ELLIPSIS}{dot}{last}" if head and len(last) <= width // 2 else ELLIPSIS
        kept = len("".join(found[:lines])) + lines - 1
        while len(found := _broken(whole[:kept].rstrip(" ·,;") + end, width)) > lines:
            kept -= 1
    return "\n".join(found)


def _broken(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, break_on_hyphens=False)


def superscript(power: int) -> str:
    """Return a power as it stands behind its base."""
    return str(power).translate(SUPERSCRIPTS)


def _signed(text: str) -> str:
    """Write the minus as wide as the plus."""
    return text.replace("-", MINUS, 1) if text.startswith("-") else text
