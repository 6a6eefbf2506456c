"""Cross-promotion response in a simulated world, whose true responses to a usual promotion are known."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow.compute as pc

from bench.frame import BenchRow
from bench.promotion_scores import Figure, Observed, coverage, scores
from bench.promotion_trials import NEED, places, predictions
from bench.world import SIZES, World, generate_world
from features.promotion_panel import promotion_panel
from features.promotion_response import measure_response, pooled_response

__all__ = ["planted_rows", "planted_scores"]

SEED = 1
CERTAIN = np.inf


def planted_rows(size: str) -> Iterator[BenchRow]:
    """Yield the figures of one world (slice planted_<size>); every pair counts alike, for its truth has no noise."""
    with TemporaryDirectory() as folder:
        found, pairs = planted_scores(generate_world(SIZES[size], SEED, Path(folder)))
    for (system, metric), figure in found.items():
        yield BenchRow(system, metric, f"planted_{size}", figure.value, figure.low, figure.high, pairs)


def planted_scores(world: World) -> tuple[Mapping[tuple[str, str], Figure], int]:
    """Return figures by system and metric, and how many measured pairs have a true response.

    As `scores` gives them; `coverage_90` is the share of true responses in our interval.
    """
    panel = promotion_panel(world.lake, world.as_of, minimum_purchases=NEED.purchases)
    measured, truth = measure_response(panel, NEED), world.truth_promotions
    ends = (
        pc.fill_null(pc.index_in(truth[end].combine_chunks(), value_set=panel.product_ids), -1).to_numpy().astype(np.int64)
        for end in ("promoted", "responding")
    )
    rows = places(measured, *ends, len(panel.product_ids))
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
