"""Parts of the chain that relations are told apart in: store clusters, household segments and seasons, as known on one day."""

from collections.abc import Mapping
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from decisions.relations.scopes import scope_name
from features.category_lines import CategoryLines
from features.household_segments import household_segments
from features.seasons import SEASONS, season_of
from lake.ports import Lake

__all__ = ["cluster_members", "season_ends", "segment_members"]

LEAST_SEASON_DAYS = 56


def cluster_members(lines: CategoryLines, placed: pa.Table) -> dict[str, np.ndarray]:
    """Return the households (mask over those of the lines) whose most visited stores lie in each cluster, by scope.

    Args:
        lines: the purchases that tell where a household shops.
        placed: the stores' clusters, as `features.store_clusters.store_clusters` gives them.
    """
    names = pc.unique(placed["cluster_id"]).sort()
    at = pc.index_in(lines.store_ids, value_set=placed["store_id"].combine_chunks())
    cluster_of_store = pc.index_in(placed["cluster_id"].combine_chunks().take(at), value_set=names)
    code = np.asarray(pc.fill_null(cluster_of_store, -1).to_numpy(zero_copy_only=False), dtype=np.int64)[lines.columns["store"]]
    known = code >= 0
    counted = np.zeros((len(lines.household_ids), max(len(names), 1)), dtype=np.int64)
    np.add.at(counted, (lines.columns["household"][known], code[known]), 1)
    main = np.where(counted.sum(axis=1) > 0, counted.argmax(axis=1), -1)
    return {scope_name("store_cluster", name): main == place for place, name in enumerate(names.to_pylist())}


def segment_members(lake: Lake, lines: CategoryLines) -> dict[str, np.ndarray]:
    """Return the households (mask over those of the lines) of each segment, by scope."""
    segments = household_segments(lake, lines.as_of)
    at = pc.index_in(lines.household_ids, value_set=segments["household_id"].combine_chunks())
    of_household = segments["segment_id"].combine_chunks().take(at)
    return {
        scope_name("segment", name): _equals(of_household, name) for name in pc.unique(segments["segment_id"]).sort().to_pylist()
    }


def season_ends(first_day: date, as_of: date) -> Mapping[str, tuple[date, date]]:
    """Return the first and the last day of the latest run of each season that the data shows for 8 weeks or longer, by scope."""
    found: dict[str, tuple[date, date]] = {}
    end = as_of
    while end >= first_day and len(found) < len(SEASONS):
        start = _season_start(end)
        shown = max(start, first_day)
        name = scope_name("season", season_of(end))
        if (end - shown).days + 1 >= LEAST_SEASON_DAYS and name not in found:
            found[name] = (shown, end)
        end = start - timedelta(days=1)
    return found


def _season_start(day: date) -> date:
    start = day.replace(day=1)
    while season_of(start - timedelta(days=1)) == season_of(day):
        start = (start - timedelta(days=1)).replace(day=1)
    return start


def _equals(values: pa.Array, name: str) -> np.ndarray:
    return np.asarray(pc.fill_null(pc.equal(values, name), fill_value=False).to_numpy(zero_copy_only=False), dtype=bool)
