"""Orders drawn at random with known chances, so that what was not shown can be judged by what was.

A list that always shows the same products teaches nothing about the others. Here the places of discovery are drawn from its
best candidates: place by place, without replacement, with chances that follow the scores (Plackett-Luce) and a floor for each.
The chance with which a product got its place is known exactly and leaves with the answer; `off_policy` divides by it.

Nothing is read from a clock or from a state: the same key gives the same draw for ever, on any machine and with any version of
the libraries, because the bits come from SHAKE-256 and not from a generator that may change its stream.

Sources: Plackett, The analysis of permutations (1975); Gumbel perturbation: Yellott (1977), Kool et al. (2019).
"""

import hashlib
from dataclasses import dataclass
from datetime import date

import numpy as np

from features.repertoire import FloatArray, IntArray
from kit.canonical import canonical_bytes

__all__ = [
    "NO_EXPLORATION",
    "USUAL_EXPLORATION",
    "Draw",
    "DrawKey",
    "DrawnOrders",
    "ExplorationSettings",
    "chances_along",
    "chances_among",
    "draw_order",
    "drawn_orders",
]

_BITS = 53
"""Of a double's fraction: so many of each 64 drawn make a uniform number that is neither 0 nor 1."""


@dataclass(frozen=True, slots=True)
class ExplorationSettings:
    """How freely the places of discovery are drawn.

    Args:
        temperature: in standard deviations of the candidates' scores, so that it means the same for every model. At 1 a product
            one deviation better is e times as likely; towards 0 the draw approaches the plain order. 0: nothing is drawn.
        floor: share of every draw that falls on all candidates alike, 0 to 1 (epsilon). No candidate's chance at a place is
            below `floor / candidates`.
        candidates: how many of the best take part. More are looked at and fewer good ones shown.
    """

    temperature: float = 0.5
    floor: float = 0.1
    candidates: int = 30


USUAL_EXPLORATION = ExplorationSettings()
NO_EXPLORATION = ExplorationSettings(temperature=0.0)


@dataclass(frozen=True, slots=True)
class DrawKey:
    """What a draw depends on beside the scores. `number` 0 asks for the plain order.

    Args:
        model: the id of the release, or the digest of the model.
        subject: the household, else the session, else "".
        as_of: the day of the release.
        number: which draw; the client counts it up, once a visit or once a day.
    """

    model: str
    subject: str
    as_of: date
    number: int


@dataclass(frozen=True, slots=True)
class Draw:
    """Positions of the chosen candidates, first place first, and for each the chance it had there given those before it."""

    positions: IntArray
    chances: FloatArray


def draw_order(scores: FloatArray, places: int, settings: ExplorationSettings, key: DrawKey) -> Draw:
    """Draw which of the best candidates get the places.

    Args:
        scores: of all candidates, in any order; the best `settings.candidates` take part, ties by position.
        places: how many to fill; no more than take part are.
        settings: how freely.
        key: equal keys and scores give equal draws.

    Returns:
        The draw. At temperature 0, or for draw number 0, the plain order with chances of 1.
    """
    best = np.argsort(-scores, kind="stable")[: settings.candidates]
    if not settings.temperature or not key.number or len(best) <= 1:
        chosen = best[:places]
        return Draw(chosen.astype(np.int64), np.ones(len(chosen)))
    logits = _logits(scores[best], settings)
    order = _drawn(logits, min(places, len(best)), settings.floor, _uniforms(key, 3 * len(best)))
    return Draw(best[order].astype(np.int64), _chances_of(logits, order, settings.floor))


@dataclass(frozen=True, slots=True)
class DrawnOrders:
    """Two drawn orders of all candidates, by scores and with all alike, and for each place which of them speaks."""

    by_score: list[int]
    alike: list[int]
    is_alike: list[bool]

    def at(self, place: int) -> list[int]:
        """Return the order that speaks at a place: the first of it that is open is the draw."""
        return self.alike if self.is_alike[place] else self.by_score


def drawn_orders(scores: FloatArray, settings: ExplorationSettings, key: DrawKey, block: int = 0) -> DrawnOrders:
    """Draw orders of candidates, all of whom take part; each block of places has orders of its own."""
    count = len(scores)
    uniforms = _uniforms(key, 3 * count * (block + 1))[3 * count * block :]
    return _orders(_logits(scores, settings), settings.floor, uniforms)


def chances_among(scores: FloatArray, may: IntArray, settings: ExplorationSettings) -> FloatArray:
    """Return the chances of those of the candidates that may have a place, in their order; they sum to 1."""
    logits = _logits(scores, settings)[may]
    weight = np.exp(logits - logits.max())
    return np.asarray((1.0 - settings.floor) * weight / weight.sum() + settings.floor / len(may))


def chances_along(scores: FloatArray, orders: IntArray, settings: ExplorationSettings) -> FloatArray:
    """Return (lists, places, candidates): the chance of every candidate at every place of many lists, given those before it.

    Args:
        scores: (lists, candidates); all of them take part, whatever `settings.candidates` says.
        orders: (lists, places), positions of what was shown.
        settings: of the policy whose chances are asked for.
    """
    if settings.temperature:
        return _open_chances(_logits(scores, settings), orders, settings.floor)
    is_open = _place_of(orders, scores.shape[1])[:, None, :] >= np.arange(orders.shape[1])[:, None]
    best = np.where(is_open, scores[:, None, :], -np.inf).argmax(axis=2)
    return np.asarray((best[:, :, None] == np.arange(scores.shape[1])).astype(np.float64))


def _logits(scores: FloatArray, settings: ExplorationSettings) -> FloatArray:
    """Return the scores of one list, or of many (lists, candidates), in units of temperature; equal scores are drawn alike."""
    spread = scores.std(axis=-1, keepdims=True) * settings.temperature
    return np.asarray((scores - scores.max(axis=-1, keepdims=True)) / np.where(spread > 0, spread, 1.0))


def _uniforms(key: DrawKey, count: int) -> FloatArray:
    content = canonical_bytes([key.model, key.subject, key.as_of, key.number])
    bits = np.frombuffer(hashlib.shake_256(content).digest(8 * count), dtype="<u8")
    return np.asarray(((bits >> np.uint64(64 - _BITS)).astype(np.float64) + 0.5) * 2.0**-_BITS)


def _drawn(logits: FloatArray, places: int, floor: float, uniforms: FloatArray) -> IntArray:
    """Draw an order from two: the next of either that is still open has the chances of a fresh draw, since what is left of a
    Plackett-Luce order is one.
    """
    roads = _orders(logits, floor, uniforms)
    taken: set[int] = set()
    chosen = []
    for place in range(places):
        one = next(candidate for candidate in roads.at(place) if candidate not in taken)
        taken.add(one)
        chosen.append(one)
    return np.array(chosen, dtype=np.int64)


def _orders(logits: FloatArray, floor: float, uniforms: FloatArray) -> DrawnOrders:
    by_score, alike, coins = np.split(uniforms, 3)
    # the largest of logit + Gumbel noise is a draw from the softmax, the second largest one from what is left, and so on
    soft = np.argsort(np.log(-np.log(by_score)) - logits, kind="stable")
    return DrawnOrders(soft.tolist(), np.argsort(alike, kind="stable").tolist(), (coins < floor).tolist())


def _chances_of(logits: FloatArray, order: IntArray, floor: float) -> FloatArray:
    """Return the chance of each product of the order at its place."""
    return np.asarray(_open_chances(logits[None], order[None], floor)[0, np.arange(len(order)), order])


def _open_chances(logits: FloatArray, orders: IntArray, floor: float) -> FloatArray:
    """Return (lists, places, candidates): (1 - floor) softmax of what is open at a place + floor / open ones; 0 for the rest."""
    places = np.arange(orders.shape[1])
    is_open = _place_of(orders, logits.shape[1])[:, None, :] >= places[:, None]
    # one row per place; the largest open logit is taken off, so that what is far behind does not vanish with the leaders
    still = np.where(is_open, logits[:, None, :], -np.inf)
    weight = np.exp(still - still.max(axis=2, keepdims=True, initial=-np.inf))
    soft = weight / weight.sum(axis=2, keepdims=True)
    alike = floor / (logits.shape[1] - places)[:, None]
    return np.asarray(np.where(is_open, (1.0 - floor) * soft + alike, 0.0))


def _place_of(orders: IntArray, candidates: int) -> IntArray:
    """Return the place of each candidate in each order; those without one come behind all."""
    place_of = np.full((len(orders), candidates), candidates)
    np.put_along_axis(place_of, orders, np.arange(orders.shape[1])[None], axis=1)
    return place_of
