"""The floors of `bench switching`. Each gives, for a case, a score by former buyer (rows) and product (columns).

Those in `CHANCES` are probabilities, so that they have a log-loss; their constants were chosen on the events before week 36.
"""

from collections.abc import Callable, Mapping

import numpy as np

from bench.switching_cases import Case

__all__ = ["CHANCES", "FLOORS"]

HALF_LIFE_DAYS = 28.0
LONG_DAYS, MONTH_DAYS = 91, 28
PRIOR_BUYERS = 5.0
SMOOTH = 0.3
PERSONAL_PRIOR = 4.0
SHELF_FLOOR = 0.3
OTHER_TYPE = 0.5

Floor = Callable[[Case], np.ndarray]


def _everybody(case: Case, score: np.ndarray) -> np.ndarray:
    return np.tile(score, (case.choices.buyers.size, 1))


def _chances(score: np.ndarray) -> np.ndarray:
    return np.asarray(score / score.sum(axis=1, keepdims=True))


def _without_missing(case: Case, score: np.ndarray) -> np.ndarray:
    score = score.astype(np.float64)
    score[:, case.choices.missing] = 0.0
    return score


def _popularity(case: Case) -> np.ndarray:
    return _chances(_without_missing(case, _everybody(case, case.state.sold_long + SMOOTH)))


def _popularity_2_weeks(case: Case) -> np.ndarray:
    usual = SMOOTH * (case.state.sold_long + SMOOTH) / 6.5
    return _chances(_without_missing(case, _everybody(case, case.state.sold_short + usual)))


def _availability(case: Case) -> np.ndarray:
    usual = case.state.sold_long * 14 / LONG_DAYS
    return np.asarray(np.minimum(case.state.sold_short / np.maximum(usual, 1e-9), 1.0))


def _recency(case: Case) -> np.ndarray:
    last = case.state.last[case.choices.buyers].toarray()
    return np.where((last > 0) & (last <= LONG_DAYS), 0.5 ** ((last - 1) / HALF_LIFE_DAYS), 0.0)


def _personal_available(case: Case) -> np.ndarray:
    popularity = case.state.sold_long + SMOOTH
    personal = _recency(case) + PERSONAL_PRIOR * popularity / popularity.sum()
    return _chances(_without_missing(case, personal * (_availability(case) + SHELF_FLOOR)))


def _repertoire_of(case: Case, days: int) -> np.ndarray:
    state, shelf = case.state, case.shelf
    age = state.day - shelf.day
    rows = (age >= 0) & (age < days) & np.isin(shelf.household, state.households[case.choices.buyers])
    place = state.places(shelf.product[rows])
    counted = np.bincount(place[place >= 0], minlength=state.products.size)
    return _without_missing(case, _everybody(case, counted / case.choices.buyers.size))


def _repertoire(case: Case) -> np.ndarray:
    return _repertoire_of(case, LONG_DAYS)


def _repertoire_4_weeks(case: Case) -> np.ndarray:
    return _repertoire_of(case, MONTH_DAYS)


def _repertoire_available(case: Case) -> np.ndarray:
    """Recency-weighted household share, drawn towards popularity, times the 2-week over the 13-week rate (1 at most)."""
    popularity = case.state.sold_long / max(case.state.sold_long.sum(), 1.0)
    buyers = case.choices.buyers.size
    share = _recency(case) + PRIOR_BUYERS * popularity / buyers
    return _without_missing(case, share * _availability(case))


def _same_basket(case: Case) -> np.ndarray:
    together = (case.state.in_basket[:, [case.choices.missing]].T @ case.state.in_basket).toarray()
    return _without_missing(case, _everybody(case, together[0]))


def _alike_and_popular(case: Case) -> np.ndarray:
    """Hand-made for what is new to a household: two weeks' popularity, on the shelf, half for another type."""
    kind = case.state.attribute("product_type")
    alike = np.where((kind == kind[case.choices.missing]) & (kind >= 0), 1.0, OTHER_TYPE)
    usual = SMOOTH * (case.state.sold_long + SMOOTH) / 6.5
    return _without_missing(case, _everybody(case, (case.state.sold_short + usual) * _availability(case) * alike))


def _type_popularity(case: Case) -> np.ndarray:
    kind = case.state.attribute("product_type")
    same = (kind == kind[case.choices.missing]) & (kind >= 0)
    return _without_missing(case, _everybody(case, case.state.sold_short * np.where(same, 1.0, 1e-6)))


FLOORS: Mapping[str, Floor] = {
    "category_popularity": _popularity,
    "category_popularity_2_weeks": _popularity_2_weeks,
    "type_popularity": _type_popularity,
    "repertoire": _repertoire,
    "repertoire_4_weeks": _repertoire_4_weeks,
    "repertoire_available": _repertoire_available,
    "personal_available": _personal_available,
    "same_basket": _same_basket,
    "alike_and_popular": _alike_and_popular,
}
CHANCES = frozenset({"category_popularity", "category_popularity_2_weeks", "personal_available"})
