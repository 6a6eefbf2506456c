"""Cross-promotion response: purchases of one product while another is promoted or cheaper, against like weeks in which it is not.

A natural experiment, the second beside delistings. For each ordered pair of a promoted and a responding product: the relative
surprise of the responder's purchases (`features.promotion_lift`) in weeks without a promotion of its own, regressed on the
promoted product's expected own lift. Both are taken as differences from their kernel average over the responder's own
unpromoted weeks (partial linear regression: Speckman 1988), so that season, trend, availability and the number of trips are
off; across categories what the rest of the responder's category did in that week is off too. A week over all stores of the
scope is one observation: the noise is counting noise and a shock shared by the week. The level that a response is a part of
is the average over like weeks, those with the other's promotion included.

Products of one supplier and type are promoted together, so pairs of such a line with one responder measure nearly the same:
they are pooled and count as one measurement. Measurements are then drawn towards the pair of lines, of types, of the category's
pairs of one type or of two, of categories, around what the market share of the promoted product tells.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import ibis
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy import sparse

from features.co_purchase import merchandise_lines
from features.nested_shrinkage import nested_shrinkage
from features.promotion_lift import Level, beside_category, kernel_of, level_of, own_lift
from features.promotion_panel import PromotionPanel, promotion_panel
from kg.ports import CHAIN
from lake.ports import Lake

__all__ = [
    "RESPONSE_SCHEMA",
    "Measured",
    "ResponseNeed",
    "measure_response",
    "pairs_across",
    "pooled_response",
    "promotion_response",
    "response_table",
]

RESPONSE_SCHEMA = pa.schema(
    [
        ("promoted", pa.string()),
        ("responding", pa.string()),
        ("scope", pa.string()),
        ("same_category", pa.bool_()),
        ("response", pa.float64()),
        ("se", pa.float64()),
        ("low", pa.float64()),
        ("high", pa.float64()),
        ("measured", pa.float64()),
        ("measured_se", pa.float64()),
        ("diverted", pa.float64()),
        ("weeks", pa.int64()),
        ("control_weeks", pa.int64()),
        ("store_weeks", pa.int64()),
        ("expected_purchases", pa.float64()),
        ("first_week", pa.date32()),
        ("last_week", pa.date32()),
    ]
)
NINETY = 1.6448536269514722
PAIRS_AT_ONCE = 20_000
ROWS_AT_ONCE = 2_000
RIDGE = 50.0


@dataclass(frozen=True, slots=True)
class ResponseNeed:
    """What a pair needs to be measured.

    Products need `purchases` in the scope's weeks; a pair needs `weeks` in which only the first was promoted and as many in
    which neither was, and `information` (1 / variance of the response). Pairs across categories need `baskets` with both.
    """

    purchases: int = 50
    weeks: int = 2
    information: float = 4.0
    baskets: int = 20


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """Pairs as columns of one length: positions in the panel, what was measured and what it rests on.

    `response` is the change of the responder's purchases as a part of its level, per doubling of the promoted product's own
    purchases; `information` is 1 / its variance.
    """

    promoted: np.ndarray
    responding: np.ndarray
    response: np.ndarray
    information: np.ndarray
    weeks: np.ndarray
    control_weeks: np.ndarray
    store_weeks: np.ndarray
    expected: np.ndarray
    first_week: np.ndarray
    last_week: np.ndarray

    def take(self, rows: np.ndarray) -> "Measured":
        """Return the named rows, by index or by mask."""
        return Measured(*(getattr(self, name)[rows] for name in self.__slots__))


@dataclass(frozen=True, slots=True, eq=False)
class Signs:
    """What tells that a product is promoted, weeks by products: its expected own lift (log2), and whether."""

    lift: np.ndarray
    promoted: np.ndarray


def promotion_response(
    lake: Lake, as_of: date, *, scopes: Sequence[str] = (CHAIN,), need: ResponseNeed | None = None
) -> pa.Table:
    """Return the response of each measurable ordered pair, by scope (`RESPONSE_SCHEMA`), sorted by scope and both ids.

    `response` is the posterior mean of the relative change of the responder's purchases in a week in which the promoted
    product's promotion is expected to double its own purchases (-0.1: a tenth fewer), `se` its deviation, `low` and `high` the
    90 % interval; `measured` is the pair's own figure. `diverted` puts the response into purchases: those the responder loses
    for each one the promoted product gains (negative: it gains too). Pairs that cannot be measured have no row.

    Args:
        lake: sales_lines and products are read, and promotion_weeks where it is.
        as_of: facts dated later change nothing.
        scopes: chain, store_cluster:<id> or season:<name>.
        need: None takes the defaults.

    Raises:
        ScopeUnknown: no such scope.
        TableMissing: the lake has no sales or products.
    """
    wanted = need or ResponseNeed()
    tables = [_of_scope(lake, as_of, scope, wanted) for scope in sorted(set(scopes))]
    return pa.concat_tables([RESPONSE_SCHEMA.empty_table(), *tables])


def _of_scope(lake: Lake, as_of: date, scope: str, need: ResponseNeed) -> pa.Table:
    panel = promotion_panel(lake, as_of, scope=scope, minimum_purchases=need.purchases)
    if not len(panel.product_ids):
        return RESPONSE_SCHEMA.empty_table()
    across = pairs_across(lake, as_of, panel, need)
    return response_table(panel, measure_response(panel, need, across))


def measure_response(
    panel: PromotionPanel,
    need: ResponseNeed,
    across: tuple[np.ndarray, np.ndarray] | None = None,
    shuffle: np.ndarray | None = None,
) -> Measured:
    """Return the pairs within a category, and those named, that can be measured, without any pooling.

    Args:
        panel: weeks of purchases and promotions.
        need: what a pair needs.
        across: further ordered pairs, as positions of the promoted and of the responding product.
        shuffle: a permutation of the weeks, for a placebo: the promoted products' promotions are moved to other weeks.
    """
    level = level_of(panel)
    weeks = np.arange(panel.weeks.size) if shuffle is None else shuffle
    signs = Signs(own_lift(panel, level)[weeks], panel.promoted[weeks])
    within = _pairs_within(panel.category, panel.promoted.sum(axis=0) >= need.weeks)
    parts = _in_parts(panel, level, signs, within)
    if across is not None:
        parts += _in_parts(panel, beside_category(panel, level), signs, across)
    found = Measured(*(np.concatenate([getattr(part, name) for part in parts]) for name in Measured.__slots__))
    enough = (found.weeks >= need.weeks) & (found.control_weeks >= need.weeks)
    return found.take(enough & (found.information >= need.information))


def _in_parts(panel: PromotionPanel, level: Level, signs: Signs, pairs: tuple[np.ndarray, np.ndarray]) -> list[Measured]:
    starts = range(0, max(pairs[0].size, 1), PAIRS_AT_ONCE)
    return [_measured(panel, level, signs, *(end[at : at + PAIRS_AT_ONCE] for end in pairs)) for at in starts]


def _pairs_within(category: np.ndarray, can_promote: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return all ordered pairs of two products of one category of which the first was promoted."""
    inside, first = (_of_groups(category, rows) for rows in (category >= 0, (category >= 0) & can_promote))
    pairs = (first @ inside.T).tocoo()
    other = pairs.row != pairs.col
    return pairs.row[other].astype(np.int64), pairs.col[other].astype(np.int64)


def _of_groups(group: np.ndarray, rows: np.ndarray) -> sparse.csr_array:
    at = np.flatnonzero(rows)
    shape = (group.size, int(group.max(initial=-1)) + 1)
    return sparse.csr_array((np.ones(at.size, dtype=np.int32), (at, group[at])), shape=shape)


def pairs_across(lake: Lake, as_of: date, panel: PromotionPanel, need: ResponseNeed) -> tuple[np.ndarray, np.ndarray]:
    """Return the ordered pairs across two known categories that met in enough baskets up to `as_of`, as panel positions."""
    known = panel.product_ids.filter(pa.array(panel.category >= 0))
    lines = merchandise_lines(lake, as_of).semi_join(ibis.memtable(pa.table({"product_id": known})), "product_id")
    once = lake.to_arrow(lines.select("basket_id", "product_id").distinct())
    basket = once["basket_id"].combine_chunks().dictionary_encode()
    product = pc.index_in(once["product_id"].combine_chunks(), value_set=panel.product_ids).to_numpy()
    shape = (len(panel.product_ids), len(basket.dictionary))
    bought = sparse.csr_array((np.ones(once.num_rows, dtype=np.int32), (product, basket.indices.to_numpy())), shape=shape)
    turned = bought.T.tocsr()
    blocks = [_met_across(bought, turned, panel.category, at, need.baskets) for at in range(0, shape[0], ROWS_AT_ONCE)]
    first, second = (np.concatenate([np.zeros(0, dtype=np.int64), *(block[end] for block in blocks)]) for end in (0, 1))
    return first, second


def _met_across(
    bought: sparse.csr_array, turned: sparse.csr_array, category: np.ndarray, at: int, baskets: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the pairs of a block of products with products of other categories: the whole square would not fit."""
    met = (bought[at : at + ROWS_AT_ONCE] @ turned).tocoo()
    first, second = met.row.astype(np.int64) + at, met.col.astype(np.int64)
    kept = (met.data >= baskets) & (category[first] != category[second])
    return first[kept], second[kept]


def _measured(panel: PromotionPanel, level: Level, signs: Signs, promoted: np.ndarray, responding: np.ndarray) -> Measured:
    """Regress the responders' surprises on the promoted products' lifts, all pairs at once: weeks by pairs."""
    kernel = kernel_of(panel.weeks)
    strength, exposure = signs.lift[:, promoted], level.exposure[:, responding]
    weight = level.weight[:, responding]
    seen = (kernel @ level.exposure)[:, responding]
    usual = np.divide(kernel @ (exposure * strength), seen, out=np.zeros_like(seen), where=seen > 0)
    beyond = strength - usual
    information = (beyond**2 * weight).sum(axis=0)
    score = (beyond * weight * level.surprise[:, responding]).sum(axis=0)
    response = np.divide(score, information, out=np.zeros_like(score), where=information > 0)
    counts = weight > 0
    alone, neither = signs.promoted[:, promoted] & counts, ~signs.promoted[:, promoted] & counts
    some = alone.any(axis=0)
    first, last = alone.argmax(axis=0), panel.weeks.size - 1 - alone[::-1].argmax(axis=0)
    days = (panel.weeks[np.where(some, week, 0)] for week in (first, last))
    return Measured(
        promoted, responding, response, information, alone.sum(axis=0), neither.sum(axis=0),
        (alone * panel.stores[:, None]).sum(axis=0).astype(np.int64), (alone * level.expected[:, responding]).sum(axis=0), *days,
    )  # fmt: skip


def response_table(panel: PromotionPanel, measured: Measured) -> pa.Table:
    """Return the pairs pooled by line and shrunk (`RESPONSE_SCHEMA`), sorted by both ids."""
    if measured.promoted.size == 0:
        return RESPONSE_SCHEMA.empty_table()
    mean, deviation = pooled_response(panel, measured)
    order = np.lexsort((measured.responding, measured.promoted))
    rate = panel.purchases.sum(axis=0)
    diverted = -mean * rate[measured.responding] / rate[measured.promoted]
    columns: Mapping[str, np.ndarray | pa.Array] = {
        "promoted": panel.product_ids.take(pa.array(measured.promoted[order])),
        "responding": panel.product_ids.take(pa.array(measured.responding[order])),
        "scope": pa.repeat(panel.scope, order.size),
        "same_category": (panel.category[measured.promoted] == panel.category[measured.responding])[order],
        "response": mean[order],
        "se": deviation[order],
        "low": (mean - NINETY * deviation)[order],
        "high": (mean + NINETY * deviation)[order],
        "measured": measured.response[order],
        "measured_se": 1.0 / np.sqrt(measured.information[order]),
        "diverted": diverted[order],
        "weeks": measured.weeks[order],
        "control_weeks": measured.control_weeks[order],
        "store_weeks": measured.store_weeks[order],
        "expected_purchases": measured.expected[order],
        "first_week": pa.array(measured.first_week[order].astype(np.int32), pa.date32()),
        "last_week": pa.array(measured.last_week[order].astype(np.int32), pa.date32()),
    }
    return pa.table([columns[name] for name in RESPONSE_SCHEMA.names], schema=RESPONSE_SCHEMA)


def pooled_response(panel: PromotionPanel, measured: Measured) -> tuple[np.ndarray, np.ndarray]:
    """Return the posterior mean and deviation of each pair's response; pairs within and across categories do not meet."""
    mean, deviation = np.zeros(measured.promoted.size), np.zeros(measured.promoted.size)
    inside = panel.category[measured.promoted] == panel.category[measured.responding]
    for rows in (np.flatnonzero(inside), np.flatnonzero(~inside)):
        mean[rows], deviation[rows] = _pooled(panel, measured.take(rows))
    return mean, deviation


def _pooled(panel: PromotionPanel, measured: Measured) -> tuple[np.ndarray, np.ndarray]:
    if measured.promoted.size == 0:
        return measured.response, measured.response
    a, b = measured.promoted, measured.responding
    cell, by_share = _numbered(panel.line[a], b), _by_share(panel, measured)
    weight = np.bincount(cell, measured.information)
    value = np.bincount(cell, measured.information * (measured.response - by_share)) / weight
    groups = [_numbered(group[a], group[b]) for group in (panel.line, panel.kind, panel.category)]
    groups.insert(2, _numbered(groups[2], (panel.kind[a] == panel.kind[b]).astype(np.int64)))
    one = _first_of(cell)
    nested = [group[one] for group in groups] + [np.zeros(one.size, dtype=np.int64)]
    # pairs of one cell count as one measurement: their noise is nearly the same
    shrunk = nested_shrinkage(value, weight / np.bincount(cell), nested)
    return shrunk.mean[cell] + by_share, shrunk.deviation[cell]


def _by_share(panel: PromotionPanel, measured: Measured) -> np.ndarray:
    """Return the part of each response that market shares tell, by a weighted regression over all pairs.

    Were choices those of a logit, a product would draw from all others of its category, or of its type, in proportion to its
    own share. How far they are is left to the data; the coefficients are drawn towards 0.
    """
    a, b = measured.promoted, measured.responding
    sold, same = panel.purchases.sum(axis=0), panel.kind[a] == panel.kind[b]
    shares = [sold[a] / np.bincount(group, sold)[group[a]] for group in (panel.category + 1, panel.kind + 1)]
    signs = np.stack([shares[0], same * shares[1], same]).astype(np.float64)
    weight = measured.information / measured.information.sum()
    beyond = signs - (signs @ weight)[:, None]
    scale = np.sqrt(beyond**2 @ weight)
    beyond = np.divide(beyond, scale[:, None], out=np.zeros_like(beyond), where=scale[:, None] > 0)
    curvature = (beyond * measured.information) @ beyond.T + RIDGE * np.eye(len(signs))
    return np.asarray(np.linalg.solve(curvature, beyond @ (measured.information * measured.response)) @ beyond)


def _numbered(outer: np.ndarray, inner: np.ndarray) -> np.ndarray:
    return np.asarray(np.unique(outer * (inner.max(initial=0) + 1) + inner, return_inverse=True)[1])


def _first_of(group: np.ndarray) -> np.ndarray:
    return np.asarray(np.unique(group, return_index=True)[1])
