"""Rules over what was learned: what was declared wins, what is unknown of safety is not offered, contradictions go to a person.

Declarations come from three optional tables of the lake (docs/vocabulary.md): `product_declarations`, `safety_requirements` and
`safety_statements`. A retailer who has none of them loses nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from features.in_force import in_force
from kg.ports import CHAIN
from lake.ports import Lake

__all__ = ["FOR_REVIEW", "Rules", "consistent", "read_rules"]

FOR_REVIEW = "for_review"
SUBSTITUTE, COMPLEMENT, BOUGHT = "isSubstituteFor", "isComplementTo", "isBoughtWith"
NEVER, REQUIRES = "neverSubstituteFor", "requires"
UNKNOWN_SAFETY = "safety_unknown"
TAKEN_TOGETHER = "taken_together"
BETWEEN = "\x1f"
"""No id holds a control character (contract of products)."""
PAIRS = pa.schema([("source", pa.string()), ("target", pa.string()), ("scope", pa.string())])
REQUIRED = pa.schema([("category", pa.string()), ("attribute", pa.string())])
ENDS = (("source", "target"), ("target", "source"))
STATED = pa.schema([("product_id", pa.string()), ("attribute", pa.string())])


@dataclass(frozen=True, slots=True, eq=False)
class Rules:
    """What was declared, as known on one day.

    `never` and `requires` (source, target, scope) are declared pairs; a scope of "chain" holds in every part of it. Whatever
    replaces a product of a `required` category needs a statement on that attribute in `stated`. `categories` gives each product's
    category.
    """

    never: pa.Table
    requires: pa.Table
    required: pa.Table
    stated: pa.Table
    categories: pa.Table


def read_rules(lake: Lake, as_of: date) -> Rules:
    """Read what was declared on or before `as_of` and still holds then. Raises: TableMissing (products)."""
    declared = {relation: PAIRS.empty_table() for relation in (NEVER, REQUIRES)}
    known = set(lake.names())
    if "product_declarations" in known:
        held = in_force(lake.table("product_declarations"), as_of)
        for relation in declared:
            pairs = held.filter(held.relation == relation)
            columns = pairs.select(
                source=pairs.source_product_id, target=pairs.target_product_id, scope=pairs.scope.fill_null(CHAIN)
            ).distinct()
            declared[relation] = lake.to_arrow(columns).cast(PAIRS)
    tables = {}
    for name, schema in (("safety_requirements", REQUIRED), ("safety_statements", STATED)):
        tables[name] = schema.empty_table()
        if name in known:
            tables[name] = lake.to_arrow(in_force(lake.table(name), as_of).select(*schema.names).distinct()).cast(schema)
    categories = lake.arrow("products", ("product_id", "category"))
    return Rules(declared[NEVER], declared[REQUIRES], tables["safety_requirements"], tables["safety_statements"], categories)


def consistent(edges: Mapping[str, pa.Table], rules: Rules) -> tuple[dict[str, pa.Table], dict[str, int]]:
    """Return the edges that no rule forbids, and how many edges each rule dropped or put up for review.

    Of the rules that forbid a substitute the first counts: `neverSubstituteFor`, then `requires` (of two products one of which
    cannot be used without the other, neither stands in for the other), then `safety_unknown`, then `taken_together` (where names
    stand for the categories that a retailer has not, what is bought with a product beyond chance does not stand in for it). A
    pair that is substitute and complement in the same scope, whichever way round, gets the status `for_review` in both relations.

    Args:
        edges: tables of `edges.EDGE_SCHEMA` by relation; those that are not there are left alone.
        rules: as `read_rules` gives them.
    """
    kept, counts = dict(edges), {NEVER: 0, REQUIRES: 0, UNKNOWN_SAFETY: 0, TAKEN_TOGETHER: 0, FOR_REVIEW: 0}
    if SUBSTITUTE in kept:
        table = kept[SUBSTITUTE]
        left = np.ones(table.num_rows, dtype=bool)
        for reason, broken in _broken(table, rules, kept.get(BOUGHT)).items():
            counts[reason] = int((left & broken).sum())
            left &= ~broken
        kept[SUBSTITUTE] = table.filter(pa.array(left))
    if SUBSTITUTE in kept and COMPLEMENT in kept:
        pairs = {relation: _unordered(kept[relation]) for relation in (SUBSTITUTE, COMPLEMENT)}
        for relation, other in ((SUBSTITUTE, COMPLEMENT), (COMPLEMENT, SUBSTITUTE)):
            both = _within(pairs[relation], pairs[other])
            counts[FOR_REVIEW] += int(both.sum())
            kept[relation] = _reviewed(kept[relation], both)
    return kept, counts


def _broken(substitutes: pa.Table, rules: Rules, bought_with: pa.Table | None) -> dict[str, np.ndarray]:
    return {
        NEVER: _declared(substitutes, rules.never),
        REQUIRES: _declared(substitutes, rules.requires) | _declared(_turned(substitutes), rules.requires),
        UNKNOWN_SAFETY: _unknown_safety(substitutes, rules),
        TAKEN_TOGETHER: _taken_together(substitutes, rules, bought_with),
    }


def _taken_together(substitutes: pa.Table, rules: Rules, bought_with: pa.Table | None) -> np.ndarray:
    """Return which substitutes of products without a category are bought with them (mask)."""
    if bought_with is None:
        return np.zeros(substitutes.num_rows, dtype=bool)
    placed = rules.categories.filter(pc.is_valid(rules.categories["category"]))["product_id"]
    met = _within(_keys(substitutes, "source", "target"), _keys(bought_with, "source", "target"))
    return np.asarray(met & ~_within(substitutes["target"], placed))


def _declared(edges: pa.Table, pairs: pa.Table) -> np.ndarray:
    """Return which edges a declaration names, in their own scope or in the chain (mask)."""
    in_chain = pairs.filter(pc.equal(pairs["scope"], CHAIN))
    named = _within(_keys(edges, "source", "target", "scope"), _keys(pairs, "source", "target", "scope"))
    return np.asarray(named | _within(_keys(edges, "source", "target"), _keys(in_chain, "source", "target")))


def _unknown_safety(edges: pa.Table, rules: Rules) -> np.ndarray:
    """Return which sources have no statement that their target's category requires (mask)."""
    found = pc.index_in(edges["target"], value_set=rules.categories["product_id"].combine_chunks())
    category = rules.categories["category"].combine_chunks().take(found.combine_chunks())
    broken = np.zeros(edges.num_rows, dtype=bool)
    for attribute in pc.unique(rules.required["attribute"]).to_pylist():
        asking, stating = (table.filter(pc.equal(table["attribute"], attribute)) for table in (rules.required, rules.stated))
        asked = _within(category, asking["category"])
        broken |= asked & ~_within(edges["source"], stating["product_id"])
    return broken


def _within(values: pa.ChunkedArray | pa.Array, known: pa.ChunkedArray) -> np.ndarray:
    return np.asarray(pc.is_in(values, value_set=known.combine_chunks()).to_numpy(zero_copy_only=False), dtype=bool)


def _keys(table: pa.Table, *columns: str) -> pa.ChunkedArray:
    return pc.binary_join_element_wise(*(table[name].cast(pa.string()) for name in columns), BETWEEN)


def _turned(edges: pa.Table) -> pa.Table:
    return edges.select(["target", "source", "scope"]).rename_columns(["source", "target", "scope"])


def _unordered(edges: pa.Table) -> pa.ChunkedArray:
    """Return pair and scope of each edge as one text, the same for both directions."""
    first, second = (pc.if_else(pc.less(edges["source"], edges["target"]), edges[a], edges[b]) for a, b in ENDS)
    return pc.binary_join_element_wise(first, second, edges["scope"], BETWEEN)


def _reviewed(edges: pa.Table, both: np.ndarray) -> pa.Table:
    status = pc.if_else(pa.array(both), pa.scalar(FOR_REVIEW), edges["status"].combine_chunks())
    return edges.set_column(edges.schema.get_field_index("status"), edges.schema.field("status"), status)
