"""Completing a basket of nobody in particular: half of each held-out basket is in hand, the other half is asked for.

Baskets of four products and more, of two blocks of four weeks. Relations, companions and tastes are those of the eve of a block,
sales those of the four weeks before it, in the basket's own store. `shelfgraph` is what a release serves where its own back-test
chose companions; the floors are what sells, published relations, companions alone (item-kNN) and shared tastes (ALS).
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import numpy as np
from scipy import sparse

from bench.frame import Bench, BenchContext, BenchRow
from bench.list_scores import list_scores, paired_interval, rows_of_lists
from decisions.recommend.basket_fitting import HeldOut, StoreShares, held_out_halves
from decisions.recommend.beside_scores import BASKET_RELATIONS, COMPANIONS, POPULARITY, BesideScores
from decisions.recommend.model import MODEL_SYSTEM
from decisions.relations import derive
from features.collaborative import fit_tastes
from features.companions import fit_companions
from features.recommend_relations import neighbours_by_relation
from features.repertoire import FloatArray, IntArray, Purchases, day_number, read_purchases
from lake.ports import Lake

__all__ = ["BENCH", "run"]

BLOCK_DAYS = 28
BLOCKS, QUICK_BLOCKS = 2, 1
MOST_BASKETS, QUICK_BASKETS = 4000, 500
LISTED = 20
SEED = 7
FLOORS = (POPULARITY, BASKET_RELATIONS, "item_knn", "als")

ListOf = Callable[[IntArray, int], IntArray]
"""From a hand and a store to a list."""


@dataclass(frozen=True, slots=True, eq=False)
class _Block:
    """What was known on the eve of a block, and the baskets that came after it."""

    purchases: Purchases
    held: HeldOut
    systems: Mapping[str, ListOf]


def run(context: BenchContext) -> tuple[list[BenchRow], list[str]]:
    """Measure what is served beside its floors. Raises: TableMissing."""
    blocks, most = (QUICK_BLOCKS, QUICK_BASKETS) if context.quick else (BLOCKS, MOST_BASKETS)
    found: dict[str, list[Mapping[str, FloatArray]]] = {}
    for number in range(blocks, 0, -1):
        eve = context.as_of - timedelta(days=BLOCK_DAYS * number)
        with context.progress.stage(f"What was known on {eve}"):
            block = _block(context.lake, eve, most)
        with context.progress.stage(f"Baskets of the four weeks after {eve}"):
            for system, listed in block.systems.items():
                found.setdefault(system, []).append(_scores(block, listed))
    scores = {
        system: {metric: np.concatenate([part[metric] for part in parts]) for metric in parts[0]}
        for system, parts in found.items()
    }
    return list(_rows(scores)), [
        f"{blocks} x {BLOCK_DAYS} days, at most {most:,} baskets each, drawn; half of each is in hand; 90 % over baskets",
        "no household is known: those that are have their own ranker, which was not tried against companions here",
        "weights of edges and sales were found on the fortnight after 2017-09-10, before both blocks",
    ]  # fmt: skip


def _block(lake: Lake, eve: date, most: int) -> _Block:
    purchases, first_day = read_purchases(lake, eve + timedelta(days=BLOCK_DAYS)), day_number(eve) + 1
    edges = derive(lake, None, as_of=eve, run_id="bench", recorded_at=datetime(2000, 1, 1, tzinfo=UTC), scoped=False).edges
    neighbours = neighbours_by_relation(edges, purchases.product_ids, eve)
    companions, tastes = fit_companions(purchases, first_day), fit_tastes(purchases, first_day, SEED)
    scores, shares = BesideScores(neighbours, companions, purchases.products.items), StoreShares(purchases, first_day)

    def by(system: str) -> ListOf:
        return lambda hand, store: scores.first(system, hand, shares.of(store), LISTED)

    def by_taste(hand: IntArray, _store: int) -> IntArray:
        closed = np.zeros(purchases.products.items, bool)
        closed[hand] = True
        return tastes.nearest(tastes.of_basket(hand, np.ones(len(hand))), closed, LISTED)[0]

    nothing = np.zeros(purchases.products.items)
    systems: dict[str, ListOf] = {
        POPULARITY: by(POPULARITY),
        BASKET_RELATIONS: by(BASKET_RELATIONS),
        "item_knn": lambda hand, _: scores.first(COMPANIONS, hand, nothing, LISTED),
        "als": by_taste,
        MODEL_SYSTEM: by(COMPANIONS),
    }
    return _Block(purchases, held_out_halves(purchases, first_day, SEED, most), systems)


def _scores(block: _Block, listed: ListOf) -> dict[str, FloatArray]:
    held, stores = block.held, block.purchases.basket_store
    lists = np.full((len(held.basket), LISTED), -1)
    for row, (basket, hand) in enumerate(zip(held.basket.tolist(), held.hand, strict=True)):
        best = listed(hand, int(stores[basket]))
        lists[row, : len(best)] = best
    start = np.r_[0, np.cumsum([len(one) for one in held.wanted])]
    wanted = (np.ones(start[-1]), np.concatenate([np.empty(0, np.int64), *held.wanted]), start)
    return list_scores(lists, sparse.csr_array(wanted, shape=(len(lists), block.purchases.products.items)))


def _rows(scores: Mapping[str, Mapping[str, FloatArray]]) -> Iterator[BenchRow]:
    for system, values in scores.items():
        yield from rows_of_lists(system, "", {name: one for name, one in values.items() if not name.endswith("_untruncated")})
    for floor in FLOORS:
        ratio = paired_interval(scores[MODEL_SYSTEM]["ndcg@10"], scores[floor]["ndcg@10"])
        yield BenchRow(MODEL_SYSTEM, f"ndcg@10_ratio_to_{floor}", "", *ratio, len(scores[floor]["ndcg@10"]))


BENCH = Bench(
    name="basket",
    claim="what completes a basket of nobody in particular, beside what sells, published relations, item-kNN and shared tastes",
    run=run,
    tables=("sales_lines", "products"),
)
