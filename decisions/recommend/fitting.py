"""Training: examples from past baskets, a ranker, and a back-test that decides which system is served."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np
import pyarrow as pa

from decisions.recommend.baseline import DECAYED_FREQUENCIES, baseline_scores
from decisions.recommend.basket_fitting import TriedSurface, try_baskets
from decisions.recommend.calibration import Calibration, calibration_figures
from decisions.recommend.discovery_fitting import TriedDiscovery, train_discovery
from decisions.recommend.discovery_lists import (
    discovery_figures,
    discovery_tables,
    ranked_discovery_tables,
    read_discoveries,
)
from decisions.recommend.errors import NothingSold
from decisions.recommend.examples import Examples, build_examples, origins_before, outcomes
from decisions.recommend.lists import list_tables
from decisions.recommend.model import ARTEFACT_FORMAT, MODEL_SYSTEM, Ranker, fit_ranker
from decisions.recommend.ranking import Ranking, RankingSystem
from decisions.recommend.scoring import list_quality
from decisions.recommend.surface_fitting import try_again, try_items, try_trending
from features import InMemory
from features.collaborative import taste_tables
from features.companions import companion_tables, fit_companions
from features.discovery_day import read_discovery_world
from features.recommend_population import PopulationBefore, read_promotions
from features.recommend_relations import Neighbours, neighbours_by_relation
from features.recommend_rules import eligibility_tables
from features.recommend_tables import read_serving_features, serving_tables
from features.repertoire import IntArray, Origins, Purchases, day_number, read_purchases
from kit.canonical import canonical_bytes, digest_of_bytes
from kit.progress import Progress
from lake.ports import Lake

__all__ = [
    "BASKETS_PER_HOUSEHOLD",
    "MODEL_SYSTEM",
    "Trained",
    "World",
    "fit",
    "held_out_baskets",
    "read_world",
    "train_ranker",
    "training_baskets",
    "training_examples",
]

HELD_OUT_DAYS = 14
"""The last days of the year that training never sees: the back-test ranks each household's first basket in them."""
BASKETS_PER_HOUSEHOLD = 8
LEAST_HISTORY = 2
"""Baskets that a household must have behind it to be an example."""
LEAST_ORIGINS = 50
"""Origins with a hit below which no ranker is trained, and back-test origins below which none is trusted."""
REVEALED_SHARE = 0.25
AGED_SHARE = 0.5
OLDEST_FACTS_DAYS = 6
"""Half of the examples know the population as of up to six days before the basket: what serves is never of this minute."""


@dataclass(frozen=True, slots=True)
class World:
    """What was known on one day: purchases, the population's facts, and the relations' edges as arrays."""

    purchases: Purchases
    population: PopulationBefore
    neighbours: Mapping[str, Neighbours]


@dataclass(frozen=True, slots=True)
class Trained:
    """The ranker, None when there was too little to learn from, and what the back-test measured.

    `again` orders what is bought again. `calibration` says what the scores of `system` mean; None where too few were held out.
    """

    ranker: Ranker | None
    system: str
    figures: Mapping[str, float]
    again: TriedSurface
    calibration: Calibration | None = None


def fit(
    lake: Lake, *, as_of: date, edges_as_of: Callable[[date], Mapping[str, pa.Table]], seed: int, progress: Progress
) -> tuple[dict[str, bytes], dict[str, pa.Table], dict[str, float]]:
    """Train both rankers on what was known on `as_of` and return (artefact, feature tables, figures).

    Args:
        lake: sales_lines and products; promotion_weeks where there are any.
        as_of: the last business day that is known. Later facts change nothing.
        edges_as_of: gives the edges by relation name as derived from what was known on a day: for `as_of` those that are
            published, and for the eves of the back-tests those that rankers learn from and are tried with. `isBoughtWith` and
            `isComplementTo` are read, for discovery `isSubstituteFor`, too; others are ignored.
        seed: for the sampling of examples and of the trees.
        progress: is told of each stage.

    Raises:
        NothingSold: no merchandise was sold on or before `as_of`.
        TableMissing: the lake lacks sales_lines or products.
    """
    with progress.stage("Reading purchases and promotions"):
        world = read_world(lake, as_of, edges_as_of(as_of))
    eve = as_of - timedelta(days=HELD_OUT_DAYS)
    on_eve = neighbours_by_relation(edges_as_of(eve), world.purchases.product_ids, eve)
    with progress.stage("Training the ranker"):
        trained = _train_and_test(replace(world, neighbours=on_eve), seed)
    with progress.stage("Trying what completes a basket or a product, and what grows"):
        first_day = day_number(eve) + 1
        before = fit_companions(world.purchases, first_day)
        completing = try_baskets(world.purchases, on_eve, before, first_day, seed)
        surfaces = {
            "item": try_items(world.purchases, on_eve, before, first_day, seed),
            "buy_again": trained.again,
            "trending": try_trending(world.purchases),
        }
        companions = fit_companions(world.purchases, day_number(as_of) + 1)
    with progress.stage("Training discovery"):
        discovery = read_discovery_world(lake, world.purchases, world.population)
        tried, today = train_discovery(discovery, edges_as_of, as_of, seed)
    with progress.stage("Computing features for serving"):
        features = serving_tables(world.purchases, world.population) | eligibility_tables(lake, world.purchases, as_of)
        tastes = today.tastes.tastes
        features |= taste_tables(tastes) | companion_tables(companions)
    with progress.stage("Ranking for every household"):
        served = trained.ranker if trained.system == MODEL_SYSTEM else None
        facts, system = read_serving_features(InMemory(features)), RankingSystem(trained.system, served)
        features |= list_tables(Ranking(facts, world.neighbours, system))
        if tried.ranker is None:
            features |= discovery_tables(facts.knowledge, tastes)
        else:
            features |= ranked_discovery_tables(today, tried.ranker, tried.groups)
        discoveries = read_discoveries(InMemory(features), len(facts.household_ids))
    sold = np.bincount(world.purchases.products.item, minlength=world.purchases.products.items).astype(np.float64)
    spread = discovery_figures(discoveries, facts.levels, sold, len(world.purchases.basket_day))
    of_surfaces = {name: value for one in surfaces.values() for name, value in one.figures.items()}
    figures = {**trained.figures, **completing.figures, **of_surfaces, **tried.figures, **spread}
    return _artefact(trained, completing, surfaces, tried, as_of, seed), features, figures


def read_world(lake: Lake, as_of: date, edges: Mapping[str, pa.Table]) -> World:
    """Read what was known on `as_of`. Raises: NothingSold, TableMissing."""
    purchases = read_purchases(lake, as_of)
    if not len(purchases.basket_day):
        raise NothingSold(as_of)
    first_day = int(purchases.basket_day.min()) - 7
    population = PopulationBefore(purchases, read_promotions(lake, purchases, first_day))
    return World(purchases, population, neighbours_by_relation(edges, purchases.product_ids, as_of))


def training_baskets(purchases: Purchases, before_day: int, per_household: int = BASKETS_PER_HOUSEHOLD) -> IntArray:
    """Return each household's latest baskets before `before_day` that have enough history behind them."""
    usable = np.flatnonzero((purchases.basket_day < before_day) & (purchases.basket_place >= LEAST_HISTORY))
    household = purchases.basket_household[usable]
    after = np.searchsorted(household, household, side="right")
    return usable[after - np.arange(len(usable)) <= per_household]


def held_out_baskets(purchases: Purchases, from_day: int) -> IntArray:
    """Return each household's first basket on or after `from_day` that has enough history behind it."""
    usable = np.flatnonzero((purchases.basket_day >= from_day) & (purchases.basket_place >= LEAST_HISTORY))
    household = purchases.basket_household[usable]
    return usable[np.r_[True, household[1:] != household[:-1]]] if len(usable) else usable


def train_ranker(world: World, baskets: IntArray, seed: int) -> Ranker | None:
    """Train on the moments before the named baskets; None when too few of them can be learnt from.

    The baskets are among those that the world's edges were derived from.
    """
    examples = training_examples(world, baskets, seed)
    return None if examples is None else fit_ranker(examples, seed)


def training_examples(world: World, baskets: IntArray, seed: int) -> Examples | None:
    """Return the examples that `train_ranker` learns from; None where they are too few."""
    examples = build_examples(
        world.purchases,
        world.population,
        world.neighbours,
        _aged(origins_before(world.purchases, baskets), seed),
        REVEALED_SHARE,
        seed,
        edges_hold_outcomes=True,
        only_hits=True,
    )
    return examples if len(np.unique(examples.origin)) >= LEAST_ORIGINS else None


def _aged(origins: Origins, seed: int) -> Origins:
    random = np.random.default_rng(seed)
    aged = random.random(len(origins)) < AGED_SHARE
    return replace(origins, known_day=origins.day - aged * random.integers(0, OLDEST_FACTS_DAYS + 1, len(origins)))


def _train_and_test(world: World, seed: int) -> Trained:
    """Train before the held-out days and try on them. The world's edges were derived before those days."""
    purchases = world.purchases
    from_day = day_number(purchases.as_of) - HELD_OUT_DAYS + 1
    ranker = train_ranker(world, training_baskets(purchases, from_day), seed)
    origins = origins_before(purchases, held_out_baskets(purchases, from_day))
    if not len(origins):
        simple = DECAYED_FREQUENCIES[0]
        return Trained(None, simple, {"backtest_origins": 0.0}, TriedSurface(simple, {"buy_again_backtest_baskets": 0.0}))
    examples = build_examples(purchases, world.population, world.neighbours, origins, 0.0, seed, edges_hold_outcomes=False)
    wanted = np.bincount(outcomes(purchases, origins).origin, minlength=len(origins))
    scores = {system: baseline_scores(system, examples.figures) for system in DECAYED_FREQUENCIES}
    if ranker is not None and len(origins) >= LEAST_ORIGINS:
        scores[MODEL_SYSTEM] = ranker.scores(examples.figures)
    ndcg = {
        system: float(list_quality(examples.origin, examples.product, score, examples.label, wanted).ndcg.mean())
        for system, score in scores.items()
    }
    best = max(sorted(ndcg), key=lambda system: ndcg[system])
    calibration, calibrated = calibration_figures(scores[best], examples.label, origins.household[examples.origin])
    figures = {f"backtest_ndcg_{system}": value for system, value in ndcg.items()}
    again = try_again(examples, scores, len(origins), best)
    return Trained(ranker, best, {**figures, "backtest_origins": float(len(origins)), **calibrated}, again, calibration)


def _artefact(
    trained: Trained,
    completing: TriedSurface,
    surfaces: Mapping[str, TriedSurface],
    tried: TriedDiscovery,
    as_of: date,
    seed: int,
) -> dict[str, bytes]:
    texts = {
        name: ranker.text()
        for name, ranker in (("ranker.txt", trained.ranker), ("discovery_ranker.txt", tried.ranker))
        if ranker is not None
    }
    about = {
        "format": ARTEFACT_FORMAT,
        "system": trained.system,
        "as_of": as_of,
        "seed": seed,
        "figures": dict(trained.figures),
        "calibration": None if trained.calibration is None else trained.calibration.as_json(),
        "model": _digest(texts, "ranker.txt"),
        "basket": {"system": completing.system, "figures": dict(completing.figures)},
        "surfaces": {name: {"system": one.system, "figures": dict(one.figures)} for name, one in surfaces.items()},
        "discovery": {
            "system": tried.system,
            "base": 0.0 if tried.ranker is None else tried.ranker.base,
            "groups": list(tried.groups),
            "figures": dict(tried.figures),
            "model": _digest(texts, "discovery_ranker.txt"),
        },
    }
    return {"recommend.json": canonical_bytes(about), **texts}


def _digest(texts: Mapping[str, bytes], name: str) -> str | None:
    return digest_of_bytes(texts[name]) if name in texts else None
