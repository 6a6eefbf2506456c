"""Cross-promotion response in a simulated world, whose true responses to a usual promotion are known."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow.compute as pc

from bench.frame import BenchRow
from bench.promotion_scores import NINETY, Figure, Observed, coverage, scores
from bench.promotion_trials import NEED, places, predictions
from bench.world import SIZES, World, generate_world
from features.promotion_panel import promotion_panel
from features.promotion_response import measure_response, pooled_response

__all__ = ["planted_rows", "planted_scores"]

CERTAIN = np.inf


def planted_rows(size: str, seeds: Sequence[int]) -> Iterator[BenchRow]:
    """Yield the figures of some worlds (slice planted_<size>); every pair counts alike, for its truth has no noise.

    Of several worlds each figure is the mean, with the 90 % interval that their spread gives.
    """
    worlds = []
    for seed in seeds:
        with TemporaryDirectory() as folder:
            worlds.append(planted_scores(generate_world(SIZES[size], seed, Path(folder))))
    pairs = sum(count for _, count in worlds)
    for system, metric in worlds[0][0]:
        figures = [found[system, metric] for found, _ in worlds]
        low, high = (figures[0].low, figures[0].high) if len(figures) == 1 else _spread([one.value for one in figures])
        mean = float(np.mean([one.value for one in figures]))
        yield BenchRow(system, metric, f"planted_{size}", mean, low, high, pairs, len(seeds))


def _spread(values: list[float]) -> tuple[float, float]:
    error = float(np.std(values, ddof=1) / np.sqrt(len(values)))
    return float(np.mean(values)) - NINETY * error, float(np.mean(values)) + NINETY * error


def planted_scores(world: World) -> tuple[Mapping[tuple[str, str], Figure], int]:
    """Return figures by system and metric, and how many measured pairs have a true response.

    As `scores` gives them; `coverage_90` is the share of true responses in our interval.
    """
    panel = promotion_panel(world.lake, world.as_of, minimum_purchases=NEED.purchases)
    measured, truth = measure_response(panel, NEED), world.truth_promotions
    promoted, responding = (
        pc.fill_null(pc.index_in(truth[end].combine_chunks(), value_set=panel.product_ids), -1).to_numpy().astype(np.int64)
        for end in ("promoted", "responding")
    )
    rows = places(measured, promoted, responding, len(panel.product_ids))
    known = rows >= 0
    rows, effect = rows[known], truth["log_response"].to_numpy()[known]
    mean, deviation = pooled_response(panel, measured)
    category = np.unique(panel.category[measured.promoted[rows]], return_inverse=True)[1]
    everything = predictions(panel, measured) | {"shelfgraph": mean}
    said = {name: values[rows] for name, values in everything.items()}
    found = scores(said, Observed(effect, np.ones(rows.size), category), "category_mean", ("shelfgraph",))
    exact = Observed(effect, np.full(rows.size, CERTAIN), category)
    found["shelfgraph", "coverage_90"] = coverage(mean[rows], deviation[rows], exact)
    alone = 1.0 / np.sqrt(measured.information[rows])
    found["pair_alone", "coverage_90"] = coverage(measured.response[rows], alone, exact)
    return found, int(rows.size)
