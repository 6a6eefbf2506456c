"""The parts of the chain that relations are told in: which stores, days and households each of them is."""

from dataclasses import dataclass
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc

from features.household_segments import SEGMENTS, household_segments
from features.seasons import MONTHS_OF_SEASON, SEASONS
from features.store_clusters import described_clusters, store_clusters
from lake import Lake
from pipeline.relation_events import check_day_of_sales

__all__ = ["ScopeList", "list_scopes"]

MEANING = {
    "small-trips": "trips of fewer products than the median household's",
    "large-trips": "trips of more products than the median household's",
    "value": "prices below the median within each category",
    "premium": "prices above it",
}


@dataclass(frozen=True, slots=True, eq=False)
class ScopeList:
    """`rows` has scope, members (stores or households; null for seasons), meaning, and stores (ids; empty but for clusters)."""

    as_of: date
    rows: pa.Table


def list_scopes(lake: Lake, as_of: date) -> ScopeList:
    """Return the scopes as they are known at the end of a day. Raises: NothingIngested, BeforeFirstSale, TableMissing."""
    check_day_of_sales(lake, as_of)
    clusters = described_clusters(lake, store_clusters(lake, as_of), as_of).to_pylist()
    rows = [
        {"scope": f"store_cluster:{one['cluster_id']}", "members": len(one["stores"]), "meaning": one["display_name"], **one}
        for one in clusters
    ]
    rows += [{"scope": f"season:{name}", "meaning": MONTHS_OF_SEASON[name], "stores": []} for name in SEASONS]
    segments = household_segments(lake, as_of)["segment_id"]
    for name in SEGMENTS:
        households = pc.sum(pc.equal(segments, name)).as_py() or 0
        rows.append({"scope": f"segment:{name}", "members": households, "meaning": _segment(name), "stores": []})
    fields = [("scope", pa.string()), ("members", pa.int64()), ("meaning", pa.string()), ("stores", pa.list_(pa.string()))]
    return ScopeList(as_of, pa.Table.from_pylist(rows, pa.schema(fields)))


def _segment(name: str) -> str:
    size, price = name.rsplit("-", 1)
    return f"Households with {MEANING[size]}, and {MEANING[price]}"
