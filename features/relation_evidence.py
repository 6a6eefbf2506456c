"""Evidence on relations from behaviour: what was seen, and what chance alone would have shown, by pair and scope.

Counts only, for each scope by itself: drawing thin scopes towards the chain is for the reader. The same Ibis expressions run on
DuckDB and on Spark (`lake.spark_lake`); tables that several steps read are kept by the engine (`Table.cache`) while they are
needed. Nothing later than `as_of` is read.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import date

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from features.relation_events_sales import as_date
from features.relation_evidence_baskets import BasketNeed, same_basket
from features.relation_evidence_households import HouseholdNeed, co_consumption
from features.relation_evidence_switching import SwitchingNeed, switching
from features.relation_evidence_trips import EvidenceScopes, Shopping, scope_name, shopping
from lake.ports import Lake

__all__ = [
    "EVIDENCE_KINDS",
    "EVIDENCE_SCHEMA",
    "EvidenceNeed",
    "EvidenceScopes",
    "evidence",
    "evidence_in_turn",
    "evidence_tables",
    "mirrored",
]

KEYS = ("source", "target", "scope")
EVIDENCE_KINDS = ("same_basket", "switching", "co_consumption")
EVIDENCE_SCHEMA = pa.schema(
    [
        ("source", pa.string()),
        ("target", pa.string()),
        ("scope", pa.string()),
        ("observed", pa.float64()),
        ("expected", pa.float64()),
        ("households", pa.int64()),
        ("households_expected", pa.float64()),
        ("source_sold", pa.float64()),
        ("target_sold", pa.float64()),
        ("first_day", pa.date32()),
        ("last_day", pa.date32()),
    ]
)
"""One row per pair and scope. By kind: `same_basket` counts baskets with both, each pair once (source < target);
`switching` counts transitions of a household from one purchase of a category to its next, from `target` (left) to `source` (taken
instead), as isSubstituteFor runs; `co_consumption` counts households that take both, but never in one basket, each pair once.
`households` are those behind `observed` (of `co_consumption`: all that take both, `households_expected` by chance; else null).
`source_sold` and `target_sold` are what each sold in the scope, in the same unit; the days are null where nothing was seen."""


@dataclass(frozen=True, slots=True)
class EvidenceNeed:
    """What each kind of evidence needs to be told."""

    same_basket: BasketNeed = field(default_factory=BasketNeed)
    switching: SwitchingNeed = field(default_factory=SwitchingNeed)
    co_consumption: HouseholdNeed = field(default_factory=HouseholdNeed)


def evidence(lake: Lake, as_of: date, kind: str, scopes: EvidenceScopes, need: EvidenceNeed | None = None) -> ir.Table:
    """Return one kind of evidence as an Ibis table, unsorted (`EVIDENCE_SCHEMA`).

    Args:
        lake: with `sales_lines` and `products`.
        as_of: the last day that is known.
        kind: of `EVIDENCE_KINDS`.
        scopes: what is counted beside the chain.
        need: the least support.

    Raises:
        TableMissing: the lake has no sales.
        ValueError: a kind that there is not.
    """
    return _told(kind, shopping(lake, as_of, scopes), need or EvidenceNeed())


def evidence_tables(
    lake: Lake,
    as_of: date,
    scopes: EvidenceScopes,
    *,
    kinds: Collection[str] = EVIDENCE_KINDS,
    need: EvidenceNeed | None = None,
    about: str | None = None,
) -> dict[str, pa.Table]:
    """Return evidence by kind, sorted by source, target and scope; only pairs of the product `about` where one is named.

    Other arguments and errors as `evidence`; trips are counted once.
    """
    return dict(evidence_in_turn(lake, as_of, scopes, kinds=kinds, need=need, about=about))


def evidence_in_turn(
    lake: Lake,
    as_of: date,
    scopes: EvidenceScopes,
    *,
    kinds: Collection[str] = EVIDENCE_KINDS,
    need: EvidenceNeed | None = None,
    about: str | None = None,
) -> Iterator[tuple[str, pa.Table]]:
    """Count the trips, and give each kind as `evidence_tables` has it, once it is asked for: for who cannot hold all at once."""
    shop = shopping(lake, as_of, scopes, about)
    limits = need or EvidenceNeed()
    # the engine sorts, which may use its disk: the largest tables would not fit into memory twice
    return ((kind, lake.to_arrow(_told(kind, shop, limits).order_by(*KEYS)).cast(EVIDENCE_SCHEMA)) for kind in kinds)


def mirrored(pairs: pa.Table) -> pa.Table:
    """Return pairs that are listed once, both ways (`EVIDENCE_SCHEMA`)."""
    turned = {"source": "target", "target": "source", "source_sold": "target_sold", "target_sold": "source_sold"}
    back = pa.table([pairs[turned.get(name, name)] for name in EVIDENCE_SCHEMA.names], schema=EVIDENCE_SCHEMA)
    return pa.concat_tables([pairs, back])


def _told(kind: str, shop: Shopping, need: EvidenceNeed) -> ir.Table:
    if kind == "same_basket":
        return _named(same_basket(shop, need.same_basket), shop, source="first", target="second")
    if kind == "switching":
        return _named(switching(shop, need.switching), shop, source="second", target="first")
    if kind == "co_consumption":
        return _named(co_consumption(shop, need.co_consumption), shop, source="first", target="second")
    raise ValueError(f"'{kind}' is no kind of evidence; there are {', '.join(EVIDENCE_KINDS)}")


def _named(pairs: ir.Table, shop: Shopping, *, source: str, target: str) -> ir.Table:
    ids = shop.products.select("product", "product_id")
    joined = pairs.inner_join(ids.rename(**{source: "product", "source": "product_id"}), source).inner_join(
        ids.rename(**{target: "product", "target": "product_id"}), target
    )
    by_chance = joined.households_expected if "households_expected" in joined.columns else ibis.null("float64")
    return joined.select(
        "source", "target", "observed", "expected", "households", scope=scope_name(joined.scope, shop.scopes),
        households_expected=by_chance, source_sold=joined[f"{source}_sold"], target_sold=joined[f"{target}_sold"],
        first_day=as_date(joined.first_day), last_day=as_date(joined.last_day),
    ).select(*EVIDENCE_SCHEMA.names)  # fmt: skip
