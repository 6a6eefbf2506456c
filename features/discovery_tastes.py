"""How well everything that still sells would suit each household, by who bought what: five readings, for whole blocks at once.

`als`: shared tastes (`features.collaborative`). `ease`: the linear item model of Steck (2019) in its dual form: the inverse is
one over households, of which there are few, not over products. `item_knn`: cosine between products over their buyers, weighted
by what the household bought of late. `alike` and `alike_late`: what the households most alike bought, ever and in 28 days.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix, diags
from threadpoolctl import threadpool_limits

from features.collaborative import Tastes, fit_tastes, tastes_on
from features.discovery_facts import KnownBefore
from features.repertoire import IntArray, Purchases

__all__ = ["TASTE_SCORES", "TasteScores", "fit_taste_scores"]

Matrix = npt.NDArray[np.float32]

TASTE_SCORES = ("als", "ease", "item_knn", "alike", "alike_late")
RIDGE = 200.0
ALIKE = 100
CHUNK = 1024
"""Products whose columns are handled at once."""
REFERENCE = 5_000
"""Households that others are compared with, those with most baskets: the price grows with the square of their number."""


@dataclass(frozen=True, slots=True, eq=False)
class TasteScores:
    """What one day knows of who bought what. `of` answers for any households of that day; nothing later is in it.

    Of the reference households (rows): `bought`, its columns for live products and their transposed; `dual`, the inverse of the
    ridge; `certainty`, what each live product's score is multiplied by; `by_buyers` and `by_buyers_live`, columns of length one;
    `directions`, rows of length one over rarer products.
    """

    tastes: Tastes
    known: KnownBefore
    bought: csr_matrix
    bought_live: csr_matrix
    dual: Matrix
    certainty: Matrix
    by_buyers: csr_matrix
    by_buyers_live: csr_matrix
    rarity: csr_matrix
    directions: csr_matrix
    late_live: csr_matrix
    reference: IntArray

    def of(self, households: IntArray) -> dict[str, Matrix]:
        """Return by name of `TASTE_SCORES` a matrix (households, live products); what was bought before has a score, too."""
        own = _presence(self.known.counts[households])
        with threadpool_limits(1):
            through = _dense(own @ self.bought.T) @ self.dual
        lately = _dense(self.known.faded[households] @ self.by_buyers.T)
        alike = self._alike(households, own)
        return {
            "als": self.tastes.households[households] @ self.tastes.products[self.known.live].T,
            "ease": _times(through, self.bought_live) * self.certainty,
            "item_knn": _times(lately, self.by_buyers_live),
            "alike": _dense(alike @ _presence(self.bought_live)),
            "alike_late": _dense(alike @ self.late_live),
        }

    def _alike(self, households: IntArray, own: csr_matrix) -> csr_matrix:
        """Return the likeness to the `ALIKE` reference households most alike, none to oneself."""
        likeness = _dense(_unit_rows(own @ self.rarity) @ self.directions.T)
        likeness[self.reference[None, :] == households[:, None]] = 0.0
        if likeness.shape[1] > ALIKE:
            least = np.partition(likeness, -ALIKE, axis=1)[:, [-ALIKE]]
            likeness[likeness < least] = 0.0
        return csr_matrix(likeness)


def fit_taste_scores(purchases: Purchases, known: KnownBefore, seed: int, older: Tastes | None = None) -> TasteScores:
    """Learn what is known before the day of `known`. Equal facts and seed give equal bytes.

    `older`: tastes of an earlier day, whose products are taken as they are and whose households are solved anew: a third of the
    time. None: tastes are fitted on the day's own facts.
    """
    reference = np.sort(np.argsort(-known.baskets, kind="stable")[:REFERENCE])
    bought = _presence(known.counts[reference])
    with threadpool_limits(1):
        dual = np.linalg.inv(_dense(bought @ bought.T).astype(np.float64) + RIDGE * np.eye(len(reference)))
    bought_live = bought[:, known.live].tocsr()
    dual = dual.astype(np.float32)
    buyers = np.maximum(np.asarray(bought.sum(axis=0)).ravel(), 1.0)
    by_buyers = (bought @ diags(1.0 / np.sqrt(buyers))).tocsr().astype(np.float32)
    rarity = diags(np.log1p(len(reference) / buyers)).tocsr().astype(np.float32)
    return TasteScores(
        fit_tastes(purchases, known.day, seed) if older is None else tastes_on(purchases, known.day, older),
        known,
        bought,
        bought_live,
        dual,
        (1.0 / np.maximum(_left(dual, bought_live), 1e-3)).astype(np.float32),
        by_buyers,
        by_buyers[:, known.live].tocsr(),
        rarity,
        _unit_rows(bought @ rarity),
        _presence(known.late[reference][:, known.live]),
        reference,
    )


def _presence(counts: csr_matrix) -> csr_matrix:
    found = counts.tocsr(copy=True)
    found.data = np.ones_like(found.data, dtype=np.float32)
    return found


def _unit_rows(rows: csr_matrix) -> csr_matrix:
    length = np.sqrt(np.asarray(rows.multiply(rows).sum(axis=1)).ravel())
    return csr_matrix(diags(1.0 / np.maximum(length, 1e-9)) @ rows, dtype=np.float32)


def _dense(rows: csr_matrix) -> Matrix:
    return np.asarray(rows.toarray(), dtype=np.float32)


def _left(dual: Matrix, bought: csr_matrix) -> Matrix:
    """Return 1 - x' (XX' + ridge)^-1 x of each product: how little of it the others already tell."""
    columns = bought.tocsc()
    parts = []
    for first in range(0, bought.shape[1], CHUNK):
        some = columns[:, first : first + CHUNK]
        parts.append(1.0 - np.asarray(some.multiply((some.T @ dual).T).sum(axis=0)).ravel())
    return np.concatenate(parts) if parts else np.empty(0, np.float32)


def _times(rows: npt.NDArray[np.floating], columns: csr_matrix) -> Matrix:
    """Return rows @ columns. The transposed product walks along memory, and so does turning it back in pieces."""
    turned = columns.T.tocsr() @ rows.T
    result = np.empty((len(rows), columns.shape[1]), np.float32)
    for first in range(0, columns.shape[1], CHUNK):
        result[:, first : first + CHUNK] = turned[first : first + CHUNK].T
    return result
