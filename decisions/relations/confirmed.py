"""Promotions as the second natural experiment: an edge that a measured response bears out is graded by it."""

from datetime import date

import pyarrow as pa
import pyarrow.compute as pc

from decisions.relations.edges import EDGE_SCHEMA, NATURAL_EXPERIMENT
from features.promotion_panel import promotion_panel
from features.promotion_response import ResponseNeed, measure_response, response_table
from kg.ports import CHAIN
from lake.ports import Lake

__all__ = ["PROMOTIONS", "confirmed", "drawn_away"]

PROMOTIONS = "promotion_weeks"
ENDS = ["source", "target"]


def drawn_away(lake: Lake, as_of: date) -> pa.Table:
    """Return pairs (source, target) of a category of which the second lost purchases while the first alone was promoted or
    cheaper, beyond chance: the upper end of the response's 90 % interval is below 0. Facts after `as_of` change nothing.

    Raises: TableMissing.
    """
    need = ResponseNeed()
    panel = promotion_panel(lake, as_of, minimum_purchases=need.purchases)
    measured = response_table(panel, measure_response(panel, need))
    lost = measured.filter(pc.less(measured["high"], 0.0))
    return pa.table({"source": lost["promoted"], "target": lost["responding"]})


def confirmed(edges: pa.Table, drawn: pa.Table) -> pa.Table:
    """Return substitutes with those of the chain that `drawn` names graded as natural experiments, and the table among their
    sources.

    Args:
        edges: batch of isSubstituteFor (`edges.EDGE_SCHEMA`), all of the same sources.
        drawn: as `drawn_away` gives it.
    """
    if not edges.num_rows or not drawn.num_rows:
        return edges
    at = pa.array(range(edges.num_rows), pa.int64())
    borne = edges.select(ENDS).append_column("at", at).join(drawn, ENDS, join_type="left semi")["at"]
    chosen = pc.and_(pc.is_in(at, value_set=borne.combine_chunks()), pc.equal(edges["scope"], CHAIN).combine_chunks())
    told = pa.scalar([*edges["sources"][0].as_py(), PROMOTIONS], EDGE_SCHEMA.field("sources").type)
    for name, value in {"grade": pa.scalar(NATURAL_EXPERIMENT), "sources": told}.items():
        column = pc.if_else(chosen, value, edges[name].combine_chunks())
        edges = edges.set_column(edges.schema.get_field_index(name), EDGE_SCHEMA.field(name), column)
    return edges
