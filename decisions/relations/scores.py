"""How a ranking of candidates is scored, and how figures of events are resampled: the back-test and the benchmark share it."""

import numpy as np

__all__ = ["ndcg_at_10", "resampled_ratio"]

PLACES = 10


def ndcg_at_10(scores: np.ndarray, gains: np.ndarray) -> float:
    """Return the discounted gain of the ten highest scores over that of the best ten; ties go to the earlier candidate.

    Source: Järvelin and Kekäläinen, Cumulated gain-based evaluation of IR techniques, 2002.
    """
    discounts = 1 / np.log2(np.arange(2, PLACES + 2))
    ranked, best = gains[np.argsort(-scores, kind="stable")][:PLACES], np.sort(gains)[::-1][:PLACES]
    return float((ranked * discounts[: ranked.size]).sum() / (best * discounts[: best.size]).sum())


def resampled_ratio(top: np.ndarray, bottom: np.ndarray, group: np.ndarray, *, draws: int, seed: int) -> np.ndarray:
    """Return `draws` ratios of the sums of `top` and `bottom`, each over as many groups drawn with replacement as there are.

    Args:
        top: by event.
        bottom: likewise; not 0 in sum over any draw.
        group: the events' groups (categories): those of one are drawn together.
        draws: how many.
        seed: of the draws.
    """
    names, place = np.unique(group, return_inverse=True)
    tops, bottoms = np.bincount(place, top, names.size), np.bincount(place, bottom, names.size)
    drawn = np.random.default_rng(seed).integers(0, names.size, (draws, names.size))
    return np.asarray(tops[drawn].sum(axis=1) / bottoms[drawn].sum(axis=1))
