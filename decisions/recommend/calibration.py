"""What a score means: the probability that the product is in the household's next basket.

Scores only order one household's list. A monotone step function of the score, fitted on lists that training never saw
(isotonic regression by pooling adjacent violators; Ayer et al. 1955, Zadrozny and Elkan 2002), says how often such a score
was followed by a purchase. It never changes the order of a list, and is judged on households that it was not fitted on.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from decisions.recommend.errors import RecommendationArtefactError
from features.repertoire import FloatArray, IntArray

__all__ = ["Calibration", "calibration_figures", "fit_calibration", "read_calibration"]

BINS = 200
"""Scores are pooled into so many bins of equal counts first: the steps of the result are at least so wide."""
LEAST_ROWS = 500
"""Held-out rows below which no probability is claimed."""
ERROR_BINS = 10


@dataclass(frozen=True, slots=True)
class Calibration:
    """Probabilities at ascending scores; between two of them the probability runs in a straight line."""

    score: FloatArray
    chance: FloatArray

    def probability(self, scores: FloatArray) -> FloatArray:
        """Return the probability that each product is in the next basket; scores beyond the ends take the end's."""
        return np.interp(scores, self.score, self.chance)

    def as_json(self) -> dict[str, list[float]]:
        """Return what `read_calibration` reads."""
        return {"score": self.score.tolist(), "chance": self.chance.tolist()}


def fit_calibration(scores: FloatArray, label: npt.NDArray[np.int8]) -> Calibration | None:
    """Fit on held-out rows; None where there are too few of them or nothing was bought."""
    if len(scores) < LEAST_ROWS or not label.any():
        return None
    order = np.argsort(scores, kind="stable")
    parts = np.array_split(order, min(BINS, len(order)))
    middle = np.array([scores[part].mean() for part in parts])
    bought = np.array([label[part].sum() for part in parts], dtype=np.float64)
    chance = _isotonic(bought, np.array([len(part) for part in parts], dtype=np.float64))
    distinct = np.r_[True, np.diff(middle) > 0]
    return Calibration(middle[distinct], chance[distinct])


def calibration_figures(
    scores: FloatArray, label: npt.NDArray[np.int8], household: IntArray
) -> tuple[Calibration | None, dict[str, float]]:
    """Fit on all rows, and say how well a calibration fitted on every other household does on the rest.

    Figures: `calibration_expected_error` (mean distance of probability and share bought over ten bins of equal counts),
    `calibration_brier` and, for comparison, `calibration_brier_of_the_mean`.
    """
    kept = household % 2 == 0
    half = fit_calibration(scores[kept], label[kept])
    whole = fit_calibration(scores, label)
    if half is None or whole is None or kept.all():
        return whole, {}
    chance, bought = half.probability(scores[~kept]), label[~kept].astype(np.float64)
    return whole, {
        "calibration_expected_error": _expected_error(chance, bought),
        "calibration_brier": float(np.mean((chance - bought) ** 2)),
        "calibration_brier_of_the_mean": float(np.mean((label[kept].mean() - bought) ** 2)),
    }


def read_calibration(about: Mapping[str, Any]) -> Calibration | None:
    """Read the calibration from an artefact's description; None where it has none.

    Raises: RecommendationArtefactError.
    """
    stored = about.get("calibration")
    if stored is None:
        return None
    try:
        score, chance = (np.asarray(stored[name], dtype=np.float64) for name in ("score", "chance"))
    except (KeyError, TypeError, ValueError) as error:
        raise RecommendationArtefactError("its calibration cannot be read.") from error
    whole = score.ndim == chance.ndim == 1 and 0 < len(score) == len(chance)
    if not whole or (np.diff(score) <= 0).any() or (np.diff(chance) < 0).any() or chance[0] < 0 or chance[-1] > 1:
        raise RecommendationArtefactError("its calibration is not a rising function between 0 and 1.")
    return Calibration(score, chance)


def _isotonic(bought: FloatArray, rows: FloatArray) -> FloatArray:
    """Return the non-decreasing shares closest to `bought / rows`: neighbours out of order are pooled."""
    blocks: list[tuple[float, float, int]] = []
    for hits, count in zip(bought.tolist(), rows.tolist(), strict=True):
        block = (hits, count, 1)
        while blocks and blocks[-1][0] * block[1] >= block[0] * blocks[-1][1]:
            before = blocks.pop()
            block = (before[0] + block[0], before[1] + block[1], before[2] + block[2])
        blocks.append(block)
    return np.concatenate([np.full(width, hits / count) for hits, count, width in blocks])


def _expected_error(chance: FloatArray, bought: FloatArray) -> float:
    parts = np.array_split(np.argsort(chance, kind="stable"), ERROR_BINS)
    return float(sum(abs(chance[part].mean() - bought[part].mean()) * len(part) for part in parts if len(part)) / len(chance))
