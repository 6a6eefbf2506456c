"""What the release keeps for what-ifs beside the feature tables: the recovery behind the served diversion ratios."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from decisions.substitution.errors import SubstitutionArtefactError
from kit.canonical import canonical_bytes

__all__ = ["ARTEFACT", "SUBSTITUTION_FILE", "RecoveryFigures", "read_figures", "write_figures"]

ARTEFACT = "substitution"
"""Under this name `Release.models` holds the artefact's digest."""
SUBSTITUTION_FILE = "substitution.json"
FORMAT = "substitution/1"
OWN_SPREAD = 0.08
"""From simulated worlds, whose products lie .07 to .09 about their mean. Past events are too few and too uncertain to tell it."""


@dataclass(frozen=True, slots=True)
class RecoveryFigures:
    """The part of lost demand that stays in the category, as the model behind the served edges has it.

    Args:
        share: of all products together.
        error: its standard error. All diversion ratios share it.
        events: how many past events told it; 0: it is what was thought before any.
        source: `graph` where it was noted when the edges were derived, `back_test` where it is that of the model tried for the
            release.
        spread: standard deviation of a single product's own share about it.
    """

    share: float
    error: float
    events: int
    source: str
    spread: float = OWN_SPREAD


def write_figures(figures: RecoveryFigures, as_of: date) -> dict[str, bytes]:
    """Return the artefact's files by name. Raises: ValueError, a figure is not finite."""
    return {SUBSTITUTION_FILE: canonical_bytes({"format": FORMAT, "as_of": as_of, "recovery": figures})}


def read_figures(artefact: Mapping[str, bytes]) -> RecoveryFigures:
    """Return what an artefact holds. Raises: SubstitutionArtefactError."""
    try:
        value = json.loads(artefact[SUBSTITUTION_FILE])
        if value["format"] != FORMAT:
            raise SubstitutionArtefactError(SUBSTITUTION_FILE, f"its format is {value['format']!r}, not {FORMAT!r}")
        told = value["recovery"]
        share, error, spread = (float(told[name]) for name in ("share", "error", "spread"))
        figures = RecoveryFigures(share, error, int(told["events"]), str(told["source"]), spread)
        if not (math.isfinite(error) and math.isfinite(spread) and 0 <= share <= 1 and min(error, spread) >= 0):
            raise SubstitutionArtefactError(SUBSTITUTION_FILE, "a figure is no share")
        return figures
    except (KeyError, TypeError, ValueError) as error:
        raise SubstitutionArtefactError(SUBSTITUTION_FILE, f"it is missing or incomplete ({error})") from error
