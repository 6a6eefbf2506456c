"""Shared tastes: factors of households and products, such that their product tells what one has not bought yet but may.

Implicit alternating least squares (Hu, Koren, Volinsky 2008). `implicit` is asked for the products' factors alone; a household's
are always solved here, in NumPy, from what it bought: a household of the training, one that came later and an anonymous basket
go through the same lines. The exact index is one matrix-vector product over the products that still sell.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy.sparse import csr_matrix
from threadpoolctl import threadpool_limits

from features.repertoire import FloatArray, IntArray, Purchases
from features.snapshot import Tables

__all__ = ["Influence", "Tastes", "fit_tastes", "read_tastes", "taste_tables", "tastes_on", "weight_of"]

Matrix = npt.NDArray[np.float32]

FACTORS = 64
REGULARISATION = 10.0
ITERATIONS = 15
LIVE_DAYS = 91
"""A product that nobody bought for so long is not offered as new."""


@dataclass(frozen=True, slots=True, eq=False)
class Tastes:
    """What one day knows of tastes.

    `households` (households, factors) and `products` (products, factors) are zero where nothing was bought before that day;
    `live` names the products that sold in the last `LIVE_DAYS`, ascending.
    """

    households: Matrix
    products: Matrix
    live: IntArray
    shelf: Matrix = field(init=False, repr=False)
    """The factors of the live products: copied out once, since copying costs more than multiplying."""
    gram: FloatArray = field(init=False, repr=False)
    """What every solve starts from: it depends on no household."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "shelf", self.products[self.live])
        object.__setattr__(self, "gram", _gram(self.products))

    def of_basket(self, product: IntArray, weight: FloatArray) -> Matrix:
        """Return the factors of anybody who bought these products, each with its weight (`weight_of`): one solve."""
        return _fold_in(self.products, self.gram, product, weight)

    def influence(self, product: IntArray, weight: FloatArray, asked: IntArray) -> "Influence":
        """Return what each of the bought products, with its weight, brought to the score of each of `asked`."""
        bought = self.products[product].astype(np.float64)
        # what was bought once has the weight of everything else: it adds nothing to the left side
        again = weight != 1.0
        repeated = bought[again]
        sides = self.gram + (repeated * (weight[again] - 1.0)[:, None]).T @ repeated
        inverse = np.asarray(np.linalg.inv(sides), dtype=np.float64)
        sought = np.column_stack([self.products[asked].T.astype(np.float64), bought.T @ weight])
        pull = bought @ (inverse @ sought)
        return Influence(bought, weight, inverse, pull[:, :-1], pull[:, -1])

    def nearest(self, taste: Matrix, closed: npt.NDArray[np.bool_], limit: int) -> tuple[IntArray, FloatArray]:
        """Return the live products that please most, best first, with their scores; equal ones by position.

        Exact: 2 x factors operations for each live product, less than 2 ms for 37,000 of them.

        Args:
            taste: one household's or basket's factors.
            closed: by product, what must not be named.
            limit: how many.
        """
        score = (self.shelf @ taste).astype(np.float64)
        place = np.flatnonzero(~closed[self.live])
        if len(place) > limit:
            least = np.partition(score[place], -limit)[-limit]
            place = place[score[place] >= least]
        best = place[np.argsort(-score[place], kind="stable")][:limit]
        return self.live[best], score[best]


@dataclass(frozen=True, slots=True, eq=False)
class Influence:
    """A taste taken apart: a score is a sum over what was bought (Hu, Koren, Volinsky 2008, section 5).

    `pull` (bought, asked) times the weights sums to the score of each asked product; `liking` is what the taste says of what
    was bought itself, and `inverse` that of the solve's left side.
    """

    bought: FloatArray
    weight: FloatArray
    inverse: FloatArray
    pull: FloatArray
    liking: FloatArray

    @property
    def shares(self) -> FloatArray:
        """What each bought product brought to each score: (bought, asked)."""
        return np.asarray(self.weight[:, None] * self.pull)

    def alone(self, asked: int, rows: IntArray, left: FloatArray) -> FloatArray:
        """Return by how much a score falls when one of the weights of `rows` becomes that of `left`, 0 for never bought."""
        lost, lighter = self._lost(rows, left)
        inner = np.einsum("ij,ij->i", self.bought[rows] @ self.inverse, self.bought[rows])
        return np.asarray(self.pull[rows, asked] * (lost - lighter * self.liking[rows]) / (1.0 - lighter * inner))

    def together(self, asked: int, rows: IntArray, left: FloatArray) -> float:
        """Return by how much a score falls when all of them do: the same solve without them (Woodbury's identity)."""
        lost, lighter = self._lost(rows, left)
        inner = self.bought[rows] @ self.inverse @ self.bought[rows].T
        moved = np.linalg.solve(np.eye(len(rows)) - lighter[:, None] * inner, lighter * (self.liking[rows] - inner @ lost))
        return float((lost - moved) @ self.pull[rows, asked])

    def _lost(self, rows: IntArray, left: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return by how much the weights fall on the right side, and on the left, where nothing is lighter than 1."""
        weight = self.weight[rows]
        return weight - left, np.where(left > 0, weight - left, weight - 1.0)


def weight_of(baskets: FloatArray) -> FloatArray:
    """Return how sure a taste is after so many baskets with the product. Counts as they are let staples drown the rest."""
    return np.asarray(1.0 + np.log(baskets))


def fit_tastes(purchases: Purchases, day: int, seed: int) -> Tastes:
    """Learn from the baskets strictly before `day`. Equal purchases and seed give equal bytes: one thread trains.

    Without a purchase before that day all factors are zero and nothing is live.
    """
    bought, live = _bought_before(purchases, day)
    products = _product_factors(bought.astype(np.float32), seed)
    return Tastes(_household_factors(products, bought), products, live)


def tastes_on(purchases: Purchases, day: int, older: Tastes) -> Tastes:
    """Return the tastes of a later day over the products' factors of an earlier one: households are solved, nothing is fitted.

    A product that nobody had bought on the earlier day pleases nobody.
    """
    bought, live = _bought_before(purchases, day)
    return Tastes(_household_factors(older.products, bought), older.products, live)


def _bought_before(purchases: Purchases, day: int) -> tuple[csr_matrix, IntArray]:
    """Return how sure each household's taste for each product is before a day, and what is live on it."""
    basket = np.repeat(np.arange(len(purchases.basket_day)), np.diff(purchases.products.start))
    known = purchases.basket_day[basket] < day
    item, basket = purchases.products.item[known], basket[known]
    shape = (len(purchases.household_ids), purchases.products.items)
    bought = csr_matrix((np.ones(len(item)), (purchases.basket_household[basket], item)), shape=shape)
    bought.data = weight_of(bought.data)
    return bought, np.unique(item[purchases.basket_day[basket] >= day - LIVE_DAYS])


def taste_tables(tastes: Tastes) -> dict[str, pa.Table]:
    """Return the feature tables that serving reads back."""
    return {
        "recommend_household_tastes": _table(tastes.households),
        "recommend_product_tastes": _table(tastes.products),
        "recommend_live_products": pa.table({"product": tastes.live}),
    }


def read_tastes(tables: Tables) -> Tastes:
    """Read back what `taste_tables` gave."""
    households, products = (_matrix(tables.table(f"recommend_{name}_tastes")) for name in ("household", "product"))
    return Tastes(households, products, tables.table("recommend_live_products")["product"].to_numpy())


def _product_factors(bought: csr_matrix, seed: int) -> Matrix:
    if not bought.nnz:
        return np.zeros((bought.shape[1], FACTORS), np.float32)
    from implicit.als import AlternatingLeastSquares  # noqa: PLC0415 - training alone needs it: serving must not load it

    # threads below would add up in another order
    with threadpool_limits(1):
        model = AlternatingLeastSquares(
            factors=FACTORS,
            regularization=REGULARISATION,
            alpha=1.0,
            iterations=ITERATIONS,
            random_state=seed,
            num_threads=1,
            use_gpu=False,
        )
        model.fit(bought, show_progress=False)
    factors = np.array(model.item_factors, np.float32)
    factors[np.diff(bought.tocsc().indptr) == 0] = 0.0
    return factors


def _household_factors(products: Matrix, bought: csr_matrix) -> Matrix:
    if not bought.shape[0]:
        return np.zeros((0, FACTORS), np.float32)
    # each solve is small: where cores are busy, two threads take forty times as long, waiting for each other
    with threadpool_limits(1):
        return np.stack(list(_solved(products, bought)))


def _solved(products: Matrix, bought: csr_matrix) -> Iterator[Matrix]:
    gram = _gram(products)
    for first, last in zip(bought.indptr[:-1], bought.indptr[1:], strict=True):
        yield _fold_in(products, gram, bought.indices[first:last].astype(np.int64), bought.data[first:last])


def _gram(products: Matrix) -> FloatArray:
    wide = products.astype(np.float64)
    return np.asarray(wide.T @ wide + REGULARISATION * np.eye(products.shape[1]))


def _fold_in(products: Matrix, gram: FloatArray, product: IntArray, weight: FloatArray) -> Matrix:
    """Solve (VᵀV + λI + Σ (w - 1) v vᵀ) u = Σ w v over the products that were bought."""
    bought = products[product].astype(np.float64)
    sides = gram + (bought * (weight - 1.0)[:, None]).T @ bought
    return np.asarray(np.linalg.solve(sides, bought.T @ weight), dtype=np.float32)


def _table(factors: Matrix) -> pa.Table:
    return pa.table({"factors": pa.FixedSizeListArray.from_arrays(pa.array(factors.ravel()), FACTORS)})


def _matrix(table: pa.Table) -> Matrix:
    column = table["factors"].combine_chunks()
    return np.asarray(column.flatten().to_numpy(), dtype=np.float32).reshape(table.num_rows, FACTORS)
