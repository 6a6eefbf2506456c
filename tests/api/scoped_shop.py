"""The small shop in two published versions, with relations in parts of the chain, selling periods, and a back-test.

Into P007 lead, in the newer version: from P008, P009, P010 in the chain (1, 1/2, 1/3), from P008 in the stores of cluster 2
(0.4) and from P020 in summer (0.9). The older version lacks the summer, has P008 at 0.5, and an edge from P040 (0.25). P030 was
sold until February, P059 from March on; nothing joins them.
"""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from decisions.relations import RelationService
from decisions.relations.quality import EventOutcome, QualityFigure, RelationQuality
from kg.ports import ArrayGraph
from kg.snapshot import SnapshotVersions, open_current_snapshot, publish_snapshot
from kg.tables import TableGraph
from kit.clock import FixedClock
from tests.api import small_shop
from tests.api.small_shop import AS_OF

RELATED = 3
SUMMER, CLUSTER = "season:summer", "store_cluster:2"
PICTURE = b'<svg xmlns="http://www.w3.org/2000/svg"><circle r="3"/></svg>'
FIRST, LAST = date(2017, 1, 1), date(2017, 12, 1)


def _figure(system: str, metric: str, category: str | None, value: float) -> QualityFigure:
    return QualityFigure("isSubstituteFor", system, metric, "test", category, value, value - 1, value + 1, 7)


def _outcome(number: int) -> EventOutcome:
    day, category = date(2017, 9, 1 + number // 2), "GROCERY > DAIRY" if number % 2 else None
    realised = 0.9 if number == 4 else 0.5
    return EventOutcome(
        f"e{number}", "delisting", "isSubstituteFor", f"P{number:03d}", category, "chain", day, 0.5, realised, 0.25, 0.75
    )


QUALITY = RelationQuality(
    AS_OF,
    "choice/1",
    "Events after week 35.",
    (
        _figure("repertoire", "log_loss", None, 5.0),
        _figure("shelfgraph", "log_loss", None, 4.5),
        _figure("shelfgraph", "coverage_90", None, 0.9),
        _figure("shelfgraph", "log_loss", "GROCERY > DAIRY", 4.0),
    ),
    tuple(_outcome(number) for number in range(5)),
    {"isSubstituteFor.calibration": PICTURE, "learning": PICTURE},
)


def _scoped(rows: list[tuple[str, str, float]], scope: str) -> pa.Table:
    made = small_shop._evidence_rows("isSubstituteFor", rows)
    return made.set_column(made.column_names.index("scope"), "scope", pa.array([scope] * len(rows)))


def _tables(*, newer: bool) -> TableGraph:
    base = small_shop.tables(RELATED)
    chain = base.export_edges("isSubstituteFor").select(_scoped([], "chain").column_names)
    if newer:
        added = [_scoped([("P020", "P007", 0.9)], SUMMER), _scoped([("P008", "P007", 0.4)], CLUSTER)]
    else:
        one = pc.and_(pc.equal(chain["source"], "P008"), pc.equal(chain["target"], "P007"))
        chain = chain.set_column(2, "strength", pc.if_else(one, 0.5, chain["strength"]))
        added = [_scoped([("P040", "P007", 0.25)], "chain"), _scoped([("P008", "P007", 0.4)], CLUSTER)]
    edges = {name: base.export_edges(name) for name in base.schema.relations}
    nodes = {label: base.export_nodes(label) for label in base.schema.nodes}
    edges["isSubstituteFor"] = pa.concat_tables([chain, *(rows.cast(chain.schema) for rows in added)])
    nodes["Product"] = _with_periods(nodes["Product"])
    return TableGraph(base.schema, nodes, edges)


def _with_periods(products: pa.Table) -> pa.Table:
    ids = products["id"].to_pylist()
    first = [date(2017, 3, 1) if one == "P059" else FIRST for one in ids]
    last = [date(2017, 2, 1) if one == "P030" else LAST for one in ids]
    for name, days in (("first_sold", first), ("last_sold", last)):
        products = products.set_column(products.column_names.index(name), name, pa.array(days, pa.date32()))
    return products


def publish(root: Path) -> ArrayGraph:
    """Publish both versions and return the newer one."""
    for hour, newer in ((1, False), (2, True)):
        made, clock = _tables(newer=newer), FixedClock(datetime(2018, 1, 1, hour, tzinfo=UTC))
        publish_snapshot(made, root, schema=made.schema, as_of=AS_OF, clock=clock)
    return open_current_snapshot(root)


def replaced(graph: ArrayGraph, root: Path) -> dict[str, Any]:
    """Return the services of the shop that differ from those of the small one."""
    return {"graph": graph, "relations": RelationService(graph, versions=SnapshotVersions(root), quality=QUALITY)}
