"""Features of a choice within a category: what a household brings (habit, affinities, its stores), what a product brings (how it
sells, its price), and what joins a missing product to a candidate (attributes, shared buyers, trips in common).

`HOUSEHOLD_FEATURES` do not depend on the missing product, so that they are computed once per category; `LOYALTY_FEATURES` are
products of a household's loyalty to the missing product with a column of the pair; `PAIR_FEATURES` are the rest.
"""

from collections.abc import Mapping

import numpy as np
from scipy import sparse

from features.choice_state import NEVER, RECENCY_HALF_LIFE_DAYS, SHORT_DAYS, STORE_PRIOR_LINES, ShelfState
from features.name_likeness import LEAST_LIKENESS

__all__ = [
    "HOUSEHOLD_FEATURES",
    "LOYALTY_FEATURES",
    "PAIR_FEATURES",
    "household_features",
    "household_utility",
    "loyalty",
    "loyalty_features",
    "loyalty_of",
    "pair_features",
]

HOUSEHOLD_FEATURES = (
    "taste_recent", "taste", "times_taken", "recency", "recency_log", "never_taken", "share_of_category", "in_last_trip",
    "taste_on_shelf", "new_times_category", "type_affinity", "supplier_affinity", "brand_affinity", "size_affinity",
    "store_month", "store_long",
)  # fmt: skip
LOYALTY_FEATURES = ("loyal_same_type", "loyal_never_taken")
PRODUCT_FEATURES = (
    "sold_long", "sold_short", "sold_week", "availability", "trend", "gone", "since_sale", "age", "buyers_long", "discount_week",
    "discount_long",
)  # fmt: skip
PAIR_FEATURES = (
    *PRODUCT_FEATURES, "same_type", "same_supplier", "same_brand", "same_size", "same_type_and_size", "price_gap",
    "price_gap_size", "buyers_cosine", "buyers_lift", "apart", "together_lift",
)  # fmt: skip
AFFINITIES = (
    ("type_affinity", "product_type"),
    ("supplier_affinity", "supplier_id"),
    ("brand_affinity", "brand"),
    ("size_affinity", "size"),
)
FEW = 0.3
BUYER_BASKETS = 2


def household_features(state: ShelfState, households: np.ndarray) -> np.ndarray:
    """Return the household part of each choice: float32, households x products x `HOUSEHOLD_FEATURES`.

    Args:
        state: the category.
        households: their places in `state.households`.
    """
    taste, recent, taken, last = (
        _dense(matrix, households) for matrix in (state.taste, state.taste_recent, state.taken, state.last)
    )
    total = taste.sum(axis=1, keepdims=True)
    since = np.where(last > 0, last - 1.0, NEVER)
    recency = np.where(last > 0, 0.5 ** (since / RECENCY_HALF_LIFE_DAYS), 0.0).astype(np.float32)
    never = (taken == 0).astype(np.float32)
    columns: dict[str, np.ndarray] = {
        "taste_recent": np.log(recent + 0.05),
        "taste": np.log(taste + 0.05),
        "times_taken": np.log1p(taken),
        "recency": recency,
        "recency_log": np.log(recency + 0.02),
        "never_taken": never,
        "share_of_category": taste / (total + 0.5),
        "in_last_trip": (since == since.min(axis=1, keepdims=True)) & (last > 0),
        "taste_on_shelf": np.log((taste + 0.05) * (_availability(state)[None, :] + 0.1)),
        "new_times_category": np.log1p(total) * never,
        **{name: _affinity(state.attribute(of), taste, total, state.sold_long) for name, of in AFFINITIES},
        "store_month": _store_rate(state, households, state.sold_at_store_month),
        "store_long": _store_rate(state, households, state.sold_at_store_long),
    }
    return np.stack([columns[name].astype(np.float32) for name in HOUSEHOLD_FEATURES], axis=-1)


def household_utility(state: ShelfState, households: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return `household_features(...) @ weights`, up to a constant per household, without building the features.

    What a household never took has the same habit features wherever it stands, so that only what it took is computed one by one;
    affinities are computed per value of the attribute. float32, households x products.
    """
    weight = dict(zip(HOUSEHOLD_FEATURES, weights.astype(np.float32), strict=True))
    taste = _dense(state.taste, households)
    total = taste.sum(axis=1, keepdims=True)
    on_shelf = np.log(_availability(state) + 0.1).astype(np.float32)
    utility = np.tile(weight["taste_on_shelf"] * on_shelf, (households.size, 1))
    for name, of in AFFINITIES:
        group, given = _affinity_by_value(state.attribute(of), taste, total, state.sold_long)
        utility += (weight[name] * given)[:, group].astype(np.float32)
    for name, sold in (("store_month", state.sold_at_store_month), ("store_long", state.sold_at_store_long)):
        utility += weight[name] * _store_rate(state, households, sold).astype(np.float32)
    row, column = taste.nonzero()
    utility += weight["never_taken"] + weight["new_times_category"] * np.log1p(total).astype(np.float32)
    utility[row, column] += _habit(state, households, (row, column), weight, total)
    return utility


def _habit(
    state: ShelfState,
    households: np.ndarray,
    at: tuple[np.ndarray, np.ndarray],
    weight: Mapping[str, np.float32],
    total: np.ndarray,
) -> np.ndarray:
    """Return what having taken a product adds to its utility, over never having taken it."""
    row, column = at
    taste, recent, taken, last = (
        np.asarray(matrix[households][row, column]).reshape(-1)
        for matrix in (state.taste, state.taste_recent, state.taken, state.last)
    )
    since = last - 1.0
    nearest = np.full(households.size, NEVER)
    np.minimum.at(nearest, row, since)
    recency = 0.5 ** (since / RECENCY_HALF_LIFE_DAYS)
    gain = {
        "taste_recent": np.log((recent + 0.05) / 0.05),
        "taste": np.log((taste + 0.05) / 0.05),
        "taste_on_shelf": np.log((taste + 0.05) / 0.05),
        "times_taken": np.log1p(taken),
        "recency": recency,
        "recency_log": np.log((recency + 0.02) / 0.02),
        "never_taken": -1.0,
        "new_times_category": -np.log1p(total[row, 0]),
        "share_of_category": taste / (total[row, 0] + 0.5),
        "in_last_trip": since == nearest[row],
    }
    return np.asarray(sum(weight[name] * value for name, value in gain.items()), dtype=np.float32)


def loyalty(state: ShelfState, households: np.ndarray, missing: int) -> np.ndarray:
    """Return the share of each household's recent purchases of the category that the missing product had (0 to 1)."""
    return loyalty_of(_dense(state.taste, households), missing)


def loyalty_of(taste: np.ndarray, missing: int) -> np.ndarray:
    """Return `loyalty` from rows of taste (households x products)."""
    return np.asarray(taste[:, missing] / (taste.sum(axis=1) + FEW))


def loyalty_features(loyal: np.ndarray, never: np.ndarray, same_type: np.ndarray) -> np.ndarray:
    """Return households x products x `LOYALTY_FEATURES`.

    Args:
        loyal: per household, as `loyalty` gives it.
        never: the household feature `never_taken` (households x products).
        same_type: the pair feature `same_type` (products).
    """
    return np.stack([loyal[:, None] * same_type[None, :], loyal[:, None] * never], axis=-1).astype(np.float32)


def pair_features(state: ShelfState, missing: np.ndarray) -> np.ndarray:
    """Return what joins missing products to every product of the category: float32, missing x products x `PAIR_FEATURES`.

    Args:
        state: the category.
        missing: places of the missing products.
    """
    shape = (missing.size, state.products.size)
    product = _product_columns(state)
    columns: Mapping[str, np.ndarray] = {
        **{name: np.broadcast_to(product[name], shape) for name in PRODUCT_FEATURES},
        **_alike(state, missing),
        **_shared(state, missing),
    }
    return np.stack([columns[name].astype(np.float32) for name in PAIR_FEATURES], axis=-1)


def _product_columns(state: ShelfState) -> dict[str, np.ndarray]:
    sold = state.sold_long + FEW
    return {
        "sold_long": np.log(sold),
        "sold_short": np.log(state.sold_short + FEW * sold / 6.5),
        "sold_week": np.log(state.sold_week + FEW * sold / 13),
        "availability": np.log(_availability(state) + 0.1),
        "trend": np.log((state.sold_month / 4 + FEW) / (state.sold_long / 13 + FEW)),
        "gone": state.sold_month == 0,
        "since_sale": np.log1p(state.since_sale),
        "age": np.log1p(state.age),
        "buyers_long": np.log(state.buyers_long + FEW),
        "discount_week": state.discount_week,
        "discount_long": state.discount_long,
    }


def _availability(state: ShelfState) -> np.ndarray:
    """Return the part of its usual rate at which each product still sells: 0 (gone) to 1."""
    usual = state.sold_long * SHORT_DAYS / 91
    return np.asarray(np.minimum(state.sold_short / np.maximum(usual, 1e-9), 1.0))


def _alike(state: ShelfState, missing: np.ndarray) -> dict[str, np.ndarray]:
    def same(name: str) -> np.ndarray:
        codes = state.attribute(name)
        return np.asarray((codes[missing][:, None] == codes[None, :]) & (codes[missing] >= 0)[:, None], dtype=np.float64)

    by_name = state.names.vectors
    kind = same("product_type")
    if by_name.nnz:
        likeness = (by_name[missing] @ by_name.T).toarray()
        kind = np.maximum(kind, np.where(likeness >= LEAST_LIKENESS, likeness, 0.0))
    price = np.log(np.maximum(state.price, 0.05))
    gap = np.nan_to_num(price[None, :] - price[missing][:, None])
    return {
        "same_type": kind,
        "same_supplier": same("supplier_id"),
        "same_brand": same("brand"),
        "same_size": same("size"),
        "same_type_and_size": kind * same("size"),
        "price_gap": gap,
        "price_gap_size": np.abs(gap),
    }


def _shared(state: ShelfState, missing: np.ndarray) -> dict[str, np.ndarray]:
    bought = _indicator(state.taken)
    buyers = np.diff(bought.tocsc().indptr).astype(np.float64)
    shared = _product(bought[:, missing], bought)
    expected = buyers[missing][:, None] * buyers[None, :] / max(state.households.size, 1)
    baskets = np.diff(state.in_basket.tocsc().indptr).astype(np.float64)
    together = _product(state.in_basket[:, missing], state.in_basket)
    often = _indicator(state.taken, BUYER_BASKETS)
    theirs = _product(often[:, missing], state.taken)
    of_their_baskets = _product(state.in_basket[:, missing].multiply(often[state.basket_household][:, missing]), state.in_basket)
    by_chance = baskets[missing][:, None] * baskets[None, :] / max(state.in_basket.shape[0], 1)
    return {
        "buyers_cosine": shared / np.sqrt(np.maximum(buyers[missing][:, None] * buyers[None, :], 1.0)),
        "buyers_lift": np.log((shared + 1) / (expected + 1)),
        "apart": (theirs - of_their_baskets + 1) / (theirs + 1),
        "together_lift": np.log((together + 1) / (by_chance + 1)),
    }


def _affinity(codes: np.ndarray, taste: np.ndarray, total: np.ndarray, popularity: np.ndarray) -> np.ndarray:
    group, given = _affinity_by_value(codes, taste, total, popularity)
    return np.asarray(given[:, group])


def _affinity_by_value(
    codes: np.ndarray, taste: np.ndarray, total: np.ndarray, popularity: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return each product's value, and by household and value the log ratio of its share in what the household takes to its
    share in all sales, drawn to 0.
    """
    _, group = np.unique(codes, return_inverse=True)
    groups = int(group.max(initial=-1)) + 1
    usual = np.bincount(group, popularity, groups) + 0.5
    usual /= usual.sum()
    member = sparse.csr_array((np.ones(group.size), (np.arange(group.size), group)), shape=(group.size, groups))
    given = taste @ member
    return group, np.asarray(np.log((given + usual) / (total + 1.0) / usual))


def _store_rate(state: ShelfState, households: np.ndarray, sold: sparse.csr_array) -> np.ndarray:
    """Return the log ratio of a product's share in the household's stores to its share in the chain."""
    usual = sold.sum(axis=0) + FEW
    usual = usual / usual.sum()
    lines = sold.sum(axis=1)
    rate = (sold.toarray() + STORE_PRIOR_LINES * usual[None, :]) / (lines[:, None] + STORE_PRIOR_LINES)
    share = state.store_share[households]
    seen = share @ rate + (1.0 - share.sum(axis=1))[:, None] * usual[None, :]
    return np.asarray(np.log(seen / usual[None, :]))


def _dense(matrix: sparse.csr_array, rows: np.ndarray) -> np.ndarray:
    return np.asarray(matrix[rows].toarray(), dtype=np.float32)


def _indicator(counts: sparse.csr_array, least: int = 1) -> sparse.csr_array:
    kept = counts.copy()
    kept.data = (kept.data >= least).astype(np.float64)
    kept.eliminate_zeros()
    return kept


def _product(first: sparse.csr_array, second: sparse.csr_array) -> np.ndarray:
    return np.asarray((first.T @ second).toarray(), dtype=np.float64)
