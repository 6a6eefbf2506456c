"""Switching after delisting: how far the ranking of substitutes foresees what former buyers of a vanished product take next.

All systems rank the candidates of one event from facts up to its last sale. `shelfgraph` is the function that derives the
served edges, as of that day; graph closeness is left out of it here, because the graph of that day is not kept
(`derive_relations` with no engine gives the same). `repertoire_available` is its simplest part written a second way: no
product types, no look at the trips on which both were taken, and no evidence that an edge needs.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow.compute as pc

from bench.delistings import Delisting, delistings, ndcg_at_10
from bench.frame import Bench, BenchContext, BenchRow
from decisions.relations import substitute_ranking
from lake import Lake
from lake.delta_lake import DeltaLake

__all__ = ["BENCH"]

RECENT_DAYS = 91
SHORT_DAYS = 14
HALF_LIFE_DAYS = 28
PRIOR_BUYERS = 5.0
RANDOM_DRAWS = 20
RESAMPLES = 1000
TEST_AFTER = date(2017, 8, 27)
"""The end of week 35 of the demo data."""
QUICK_EVENTS = 10

System = Callable[[Delisting], np.ndarray]


def run(context: BenchContext) -> tuple[list[BenchRow], list[str]]:
    """Return NDCG@10 of each system over all events (`folds`) and over those after week 35 (`test`)."""
    with context.progress.stage("Finding delistings"):
        events = list(delistings(context.lake))
    if context.quick:
        events = events[:: max(len(events) // QUICK_EVENTS, 1)]
    served = _served(context, events)
    systems: dict[str, System] = {
        "shelfgraph": lambda event: served[event.product_id],
        "category_popularity": _category_popularity,
        "repertoire": _repertoire,
        "repertoire_available": _repertoire_available,
        "same_basket": _same_basket,
    }
    figures = {name: np.array([ndcg_at_10(system(event), event.gains) for event in events]) for name, system in systems.items()}
    figures["random"] = np.array([_random(event) for event in events])
    return _rows(figures, events), _notes(events, figures)


def _served(context: BenchContext, events: Sequence[Delisting]) -> Mapping[str, np.ndarray]:
    """Score each event's candidates by the substitutes that would have been served on its day."""
    scores: dict[str, np.ndarray] = {}
    with TemporaryDirectory() as folder, context.progress.stage("Deriving substitutes", total=len(events)) as stage:
        for category in sorted({event.category for event in events}):
            # substitutes never cross a category: a lake of that category alone gives the same edges, many times as fast
            alone = _category_alone(context.lake, category, Path(folder) / str(len(scores)))
            for event in (event for event in events if event.category == category):
                scores[event.product_id] = _scores(alone, event)
                stage.advance()
    return scores


def _category_alone(lake: Lake, category: str, folder: Path) -> Lake:
    alone = DeltaLake(folder)
    products, lines = lake.table("products"), lake.table("sales_lines")
    of_category = products.filter(products.category == category)
    alone.replace("products", lake.to_arrow(of_category))
    alone.replace("sales_lines", lake.to_arrow(lines.semi_join(of_category, "product_id")))
    return alone


def _scores(lake: Lake, event: Delisting) -> np.ndarray:
    edges = substitute_ranking(lake, as_of=event.day, categories=(event.category,))
    into = edges.filter(pc.equal(edges["target"], event.product_id))
    strength = dict(zip(into["source"].to_pylist(), into["strength"].to_pylist(), strict=True))
    return np.array([strength.get(product, 0.0) for product in event.products])


def _ages(event: Delisting) -> np.ndarray:
    days = event.past["business_date"].cast("int32").to_numpy()
    return np.asarray((event.day - date(1970, 1, 1)).days - days)


def _counts(event: Delisting, rows: np.ndarray) -> np.ndarray:
    return np.bincount(event.past["candidate"].to_numpy()[rows], minlength=event.products.size).astype(np.float64)


def _by_former_buyers(event: Delisting) -> np.ndarray:
    return np.isin(event.past["household_id"].to_numpy(), list(event.buyers))


def _category_popularity(event: Delisting) -> np.ndarray:
    return _counts(event, _ages(event) < RECENT_DAYS)


def _repertoire(event: Delisting) -> np.ndarray:
    return _counts(event, (_ages(event) < RECENT_DAYS) & _by_former_buyers(event))


def _same_basket(event: Delisting) -> np.ndarray:
    together = pc.is_in(event.past["basket_id"], value_set=event.own_baskets)
    return _counts(event, together.to_numpy())


def _repertoire_available(event: Delisting) -> np.ndarray:
    """Recency-weighted household share, drawn towards popularity, times the 2-week over the 13-week rate (1 at most)."""
    ages, popularity = _ages(event), _category_popularity(event)
    theirs = np.flatnonzero((ages < RECENT_DAYS) & _by_former_buyers(event))
    _, household = np.unique(event.past["household_id"].to_numpy()[theirs], return_inverse=True)
    candidate = event.past["candidate"].to_numpy()[theirs]
    latest = np.zeros((household.max(initial=-1) + 1, event.products.size))
    np.maximum.at(latest, (household, candidate), 0.5 ** (ages[theirs] / HALF_LIFE_DAYS))
    prior = PRIOR_BUYERS * popularity / max(popularity.sum(), 1.0)
    share = (latest.sum(axis=0) + prior) / (len(event.buyers) + PRIOR_BUYERS)
    short = _counts(event, ages < SHORT_DAYS) / SHORT_DAYS
    available = np.minimum(short / np.maximum(popularity / RECENT_DAYS, 1e-9), 1.0)
    return np.asarray(share * available)


def _random(event: Delisting) -> float:
    draws = np.random.default_rng(int(event.day.toordinal())).random((RANDOM_DRAWS, event.products.size))
    return float(np.mean([ndcg_at_10(draw, event.gains) for draw in draws]))


def _rows(figures: Mapping[str, np.ndarray], events: Sequence[Delisting]) -> list[BenchRow]:
    everything = np.ones(len(events), dtype=bool)
    slices = {"folds": everything, "test": np.array([event.day > TEST_AFTER for event in events])}
    rows = []
    for name, values in figures.items():
        for label, chosen in slices.items():
            if chosen.any():
                low, high = _interval(
                    values[chosen], [event.category for event, kept in zip(events, chosen, strict=True) if kept]
                )
                mean = float(values[chosen].mean())
                rows.append(BenchRow(name, "ndcg@10", label, mean, low, high, int(chosen.sum()), seeds=1))
    return rows


def _interval(values: np.ndarray, categories: Sequence[str]) -> tuple[float, float]:
    """Return the 5 % and 95 % points of the mean over resampled categories: delistings of a category come in groups."""
    names, group = np.unique(np.array(categories), return_inverse=True)
    totals, sizes = np.bincount(group, values), np.bincount(group)
    draws = np.random.default_rng(7).integers(0, names.size, (RESAMPLES, names.size))
    means = totals[draws].sum(axis=1) / sizes[draws].sum(axis=1)
    return float(np.quantile(means, 0.05)), float(np.quantile(means, 0.95))


def _notes(events: Sequence[Delisting], figures: Mapping[str, np.ndarray]) -> list[str]:
    ours, floors = figures["shelfgraph"].mean(), {n: v.mean() for n, v in figures.items() if n != "shelfgraph"}
    best = max(floors, key=lambda name: floors[name])
    verdict = "is above" if ours > floors[best] else "does not reach"
    categories = len({event.category for event in events})
    return [
        f"{len(events)} delistings in {categories} categories; nothing is fitted here, so `folds` is every event once.",
        f"The ranking that is served, here without closeness in the graph ({ours:.3f}), {verdict} {best} ({floors[best]:.3f}).",
        "`folds` holds every event, `test` those after week 35; the ranking's few constants were chosen on the events before.",
        "Raw gain after a delisting is mostly habit and availability: this task does not measure causal substitution.",
    ]


BENCH = Bench(
    name="switching",
    claim="how far the ranking of substitutes foresees what former buyers of a delisted product take next",
    run=run,
    tables=("sales_lines", "products"),
)
