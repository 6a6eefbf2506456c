"""The floors of `bench planted`: what a retailer's plain counts say of substitutes and complements, targets x sources."""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy import sparse

from lake import Lake

__all__ = ["Counts", "count", "same_basket_complements", "substitute_floors"]

RECENT_DAYS = 91
BASKETS_OF_A_BUYER = 2
LEAST_TOGETHER = 8
COMPLEMENTS = 12


@dataclass(frozen=True, slots=True, eq=False)
class Counts:
    """Baskets up to the day: `buyers` marks households x products bought in two baskets or more, `recent` counts the baskets of
    the last 13 weeks (households x products), `together` the baskets with two products, `baskets` all; `same` marks the pairs
    of one category.
    """

    buyers: sparse.csr_array
    recent: sparse.csr_array
    together: np.ndarray
    baskets: int
    same: np.ndarray


def count(lake: Lake, products: pa.Array, categories: np.ndarray, as_of: date) -> Counts:
    """Count what the floors need."""
    lines = lake.table("sales_lines")
    known = lines.filter(lines.business_date <= as_of)
    purchases = lake.to_arrow(
        known.group_by("household_id", "product_id").aggregate(
            baskets=known.basket_id.nunique(),
            recent=known.basket_id.nunique(where=known.business_date > as_of - timedelta(days=RECENT_DAYS)),
        )
    )
    held = lake.to_arrow(known.select("basket_id", "product_id").distinct())
    by_basket = _matrix(held["basket_id"], held["product_id"], products, np.ones(held.num_rows))
    ends = purchases["household_id"], purchases["product_id"], products
    bought = purchases["baskets"].to_numpy() >= BASKETS_OF_A_BUYER
    same = np.equal.outer(categories, categories)
    np.fill_diagonal(same, val=False)
    return Counts(
        buyers=_matrix(*ends, bought.astype(float)),
        recent=_matrix(*ends, purchases["recent"].to_numpy().astype(float)),
        together=(by_basket.T @ by_basket).toarray(),
        baskets=by_basket.shape[0],
        same=same,
    )


def substitute_floors(counts: Counts) -> dict[str, np.ndarray]:
    """Return each source's share by floor: of its category's baskets, of those of the target's buyers, or of those with it."""
    popular = np.broadcast_to(np.asarray(counts.recent.sum(axis=0)), counts.same.shape)
    repertoire = (counts.buyers.T @ counts.recent).toarray()
    scores = {"category_popularity": popular, "repertoire": repertoire, "same_basket": counts.together}
    return {name: _shares(np.where(counts.same, score, 0.0)) for name, score in scores.items()}


def same_basket_complements(counts: Counts) -> np.ndarray:
    """Mark, by target, the twelve products of other categories with the highest lift, of those met in 8 baskets or more."""
    own = np.diagonal(counts.together)
    lift = counts.together * counts.baskets / np.maximum(np.outer(own, own), 1.0)
    lift[counts.same | (counts.together < LEAST_TOGETHER) | np.eye(own.size, dtype=bool)] = 0.0
    least = np.sort(lift, axis=1)[:, -min(COMPLEMENTS, own.size)][:, None]
    return np.asarray((lift > 1.0) & (lift >= least))


def _shares(scores: np.ndarray) -> np.ndarray:
    return np.asarray(scores / np.maximum(scores.sum(axis=1, keepdims=True), 1e-300))


def _matrix(rows: pa.ChunkedArray, products: pa.ChunkedArray, names: pa.Array, values: np.ndarray) -> sparse.csr_array:
    row = rows.combine_chunks().dictionary_encode()
    column = pc.index_in(products.combine_chunks(), value_set=names).to_numpy()
    shape = len(row.dictionary), len(names)
    return sparse.coo_array((values, (row.indices.to_numpy(), column)), shape=shape).tocsr()
