"""Places of discovery drawn within the bounds of variety: who may stand at a place depends on who stands before it.

Within a block of places a product that would be one too many alike stays out until the block ends. What may be drawn only
shrinks, so the next in a drawn order that may stand there has the chances of a fresh draw among those that may (`exploration`).
Each block has orders of its own. Where nothing that may stand there is left, the plain order fills the block, with a chance of 1.
"""

from dataclasses import dataclass

import numpy as np

from decisions.recommend.bounds import Bounds, Room
from decisions.recommend.exploration import DrawKey, ExplorationSettings, chances_among, drawn_orders
from features.repertoire import FloatArray, IntArray

__all__ = ["Drawn", "draw_varied"]


@dataclass(frozen=True, slots=True)
class Drawn:
    """Products in their order, and for each the chance with which it got its place, given those before it."""

    order: IntArray
    chances: FloatArray


def draw_varied(order: IntArray, scores: FloatArray, bounds: Bounds, settings: ExplorationSettings, key: DrawKey) -> Drawn:
    """Return the order with its first candidates drawn, block by block; whatever takes no part follows as it stood.

    Args:
        order: products in the plain order, whole blocks of it varied.
        scores: one for each, which the chances follow.
        bounds: what may stand together in a block.
        settings: how freely; the first `settings.candidates` take part.
        key: equal keys give equal draws.
    """
    count = min(settings.candidates, len(order))
    if not key.number or not settings.temperature or count < 2:
        return Drawn(order, np.ones(len(order)))
    left, chosen, chances = list(range(count)), list[int](), list[float]()
    block = 0
    while left:
        picked, their = _block(scores[:count], left, bounds.room(order[:count]), (settings, key, block))
        chosen += picked
        chances += their
        taken = set(picked)
        left = [one for one in left if one not in taken]
        block += 1
    return Drawn(np.concatenate([order[chosen], order[count:]]), np.concatenate([chances, np.ones(len(order) - count)]))


def _block(
    scores: FloatArray, left: list[int], room: Room, how: tuple[ExplorationSettings, DrawKey, int]
) -> tuple[list[int], list[float]]:
    """Return the candidates (places in the plain order) that fill one block, and their chances."""
    settings, key, block = how
    roads = drawn_orders(scores, settings, key, block)
    picked, chances, still = list[int](), list[float](), list(left)
    while still and len(picked) < room.places:
        may = [one for one in still if room.allows(one)]
        if may:
            one = next(candidate for candidate in roads.at(len(picked)) if candidate in may)
            chances.append(float(chances_among(scores, np.array(may), settings)[may.index(one)]))
        else:
            one = still[0]
            chances.append(1.0)
        room.take(one)
        picked.append(one)
        still.remove(one)
    return picked, chances
