"""Colours, dashes and hatches that charts are told by: one name for each meaning, no drawing library.

The colours are those of Okabe and Ito (Color Universal Design, 2008), and tints of theirs for areas. No meaning hangs on hue
alone: it has a dash, a hatch, a marker or a lightness of its own, and words beside it. Words are written in `INK` or `QUIET_INK`.
"""

from dataclasses import dataclass
from typing import Literal

__all__ = ["INK", "MEANINGS", "PAPER", "QUIET_INK", "Look", "look"]

PAPER = "#FFFFFF"
INK = "#1A1A1A"
QUIET_INK = "#555555"


Dash = Literal["-", "--", ":"]


@dataclass(frozen=True, slots=True)
class Look:
    """How one meaning is drawn: `edge` bounds an area, `dash`, `hatch` and `marker` are in matplotlib's words."""

    colour: str
    edge: str = INK
    dash: Dash = "-"
    hatch: str | None = None
    marker: str | None = None


MEANINGS: dict[str, dict[str, Look]] = {
    "fan": {
        "sold": Look("#000000", marker="."),
        "forecast": Look("#0072B2", marker="o"),
        "baseline": Look("#D55E00", dash="--"),
        "80 %": Look("#7FB8D8", edge="#0072B2"),
        "95 %": Look("#D9ECF7", edge="#0072B2", dash=":"),
        "promoted": Look("#CC79A7", edge="#7A3A5D", hatch="////", marker="v"),
    },
    "drivers": {
        "more": Look("#56B4E9"),
        "less": Look("#D55E00", hatch="////"),
        "forecast": Look("#0072B2", marker="o"),
        "baseline": Look("#000000", dash="--", marker="D"),
    },
    "flow": {
        "lost": Look("#4D4D4D"),
        "replacement": Look("#56B4E9"),
        "rest": Look("#CDE8F8", hatch="\\\\\\\\"),
        "elsewhere": Look("#E69F00", hatch="////"),
        "leaves": Look("#B24C00", hatch="xxxx"),
        "not told apart": Look("#FFFFFF", dash=":"),
    },
}
"""Meanings that stand in one panel. A test holds that they stay apart with each kind of colour blindness, and in grey."""


def look(panel: str, meaning: str) -> Look:
    """Return how a meaning of a panel is drawn."""
    return MEANINGS[panel][meaning]
