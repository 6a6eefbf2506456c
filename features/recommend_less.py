"""What would be known of a household had it not bought something the last time: the inputs that a deletion is scored with.

Serving keeps sums over purchases, not the purchases. Counts, fading sums, gaps and their deviation without the latest purchase
follow from these exactly, and what the latest purchase itself said is told by the one before it (`features.recommend_before`).
Where that is not known, or a second purchase goes, it is taken to be as usual: baskets between purchases by the household's mean
gap, units, savings and the size of the basket by what is left of their means.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from features.recommend_before import GROUP_BEFORE_COLUMNS, OWN_BEFORE_COLUMNS
from features.recommend_own import FADING, SMALL_BASKET
from features.recommend_transform import (
    HOUSEHOLD_COLUMNS,
    MISSING_OWN,
    MISSING_RHYTHM,
    OWN_COLUMNS,
    RHYTHM_COLUMNS,
    HouseholdKnowledge,
    Keyed,
)
from features.repertoire import FloatArray, IntArray, Levels

__all__ = ["Latest", "rhythm_without"]

_AT = {name: place for place, name in enumerate(OWN_COLUMNS)}
_OF = {name: place for place, name in enumerate(HOUSEHOLD_COLUMNS)}
_RHYTHM = len(RHYTHM_COLUMNS)
_PER_BASKET = {"decay_80": 0.8, "decay_90": 0.9, "decay_95": 0.95, "decay_98": 0.98}
_PER_DAY = {"decay_14_days": 0.5 ** (1 / 14), "decay_30_days": 0.5 ** (1 / 30), "decay_days": 0.5 ** (1 / 90)}
_STANDINGS = (("decay_95", "95"), ("decay_98", "98"), ("decay_30_days", "30_days"))
_STEPS, _SPREAD = 1 << 20, 1 << 32
"""Fading sums as whole numbers of such steps; origins lie farther apart than any sum in one sorted column of all."""
_MEANS = (
    ("mean_units", "last_units", "units"),
    ("saved_share", "last_saved_share", "saved_share"),
    ("mean_basket_size", "last_basket_size", "basket_size"),
)
"""A mean, the latest purchase's figure, and that of the purchase before."""
_SLACK = 1e-4
"""Sums are kept in 32 bits."""


@dataclass(slots=True)
class _Known:
    """One row per question: what is left of the product, its type, its category and the household, in 64 bits."""

    origin: IntArray
    product: IntArray
    own: FloatArray
    types: FloatArray
    categories: FloatArray
    household: FloatArray
    in_store: FloatArray
    totals: FloatArray
    """The household's fading sums over all products, by `_STANDINGS`."""
    before: tuple[FloatArray, FloatArray, FloatArray]
    """What was bought before the latest purchase of the product, type and category; NaN where that is not known any more."""


@dataclass(frozen=True, slots=True)
class _Line:
    """The latest purchase of one product per row: `values` are `OWN_COLUMNS` of that product."""

    bought: IntArray
    values: FloatArray
    there: npt.NDArray[np.bool_]

    @property
    def product(self) -> IntArray:
        """What was bought, 0 for nothing."""
        return np.maximum(self.bought, 0)

    def __getitem__(self, name: str) -> FloatArray:
        return np.asarray(self.values[:, _AT[name]])

    def of(self, rows: npt.NDArray[np.bool_]) -> "_Line":
        """Return the marked rows."""
        return _Line(self.bought[rows], self.values[rows], self.there[rows])

    def faded(self, name: str) -> FloatArray:
        """Return what the purchase still counts in a fading sum."""
        if name in _PER_BASKET:
            return np.asarray(_PER_BASKET[name] ** self["baskets_since"])
        return np.asarray(_PER_DAY[name] ** self["days_since"])


class Latest:
    """The latest purchases of some households, any of which may be taken away.

    Args:
        knowledge: of the households, one origin each.
        levels: types and categories of products.
    """

    def __init__(self, knowledge: HouseholdKnowledge, levels: Levels) -> None:
        own = knowledge.own
        self._knowledge, self._levels = knowledge, levels
        self._whose = own.key // own.items
        self._together = tuple(_in_one_basket(knowledge, group) for group in (levels.product_type, levels.category))
        sums = [own.values[:-1, _AT[name]].astype(np.float64) for name, _ in _STANDINGS]
        # every household's sums from the largest down, in one column
        self._ordered = [np.sort(self._whose * _SPREAD - _steps(value)) for value in sums]
        origins = len(knowledge.household)
        totals = [np.bincount(self._whose, weights=value, minlength=origins) for value in sums]
        self._totals = np.column_stack(totals).astype(np.float64)

    def without(self, origin: IntArray, product: IntArray, taken: Sequence[IntArray]) -> HouseholdKnowledge:
        """Return what is known about each (origin, product) without the latest purchases of the products in `taken`.

        Args:
            origin: whose purchases, one per row.
            product: what is asked about, one per row.
            taken: columns of products (positions, -1 for none) whose latest purchase goes; distinct within a row.

        Returns:
            Knowledge in which each row is an origin of its own that knows the one product, its type and its category.
        """
        knowledge, levels = self._knowledge, self._levels
        kind, category = levels.product_type[product], levels.category[product]
        shelf = product * knowledge.stores + knowledge.store[origin]
        known = _Known(
            origin,
            product,
            knowledge.own.gather(origin, product).astype(np.float64),
            knowledge.types.gather(origin, kind).astype(np.float64),
            knowledge.categories.gather(origin, category).astype(np.float64),
            knowledge.household[origin].astype(np.float64),
            knowledge.in_stores.gather(origin, shelf)[:, 0].astype(np.float64),
            self._totals[origin],
            self._before(origin, product, kind, category),
        )
        columns = [column for column in taken if (column >= 0).any()]
        lines = [_line(knowledge, origin, bought) for bought in _latest_first(knowledge, origin, columns)]
        for place, line in enumerate(lines):
            self._take(known, line, lines[:place])
        rows, items = np.arange(len(product)), knowledge.in_stores.items
        own, types, categories = (part.astype(np.float32) for part in (known.own, known.types, known.categories))
        return replace(
            knowledge,
            own=Keyed(rows, product, own, knowledge.own.items, MISSING_OWN),
            types=Keyed(rows, kind, types, knowledge.types.items, MISSING_RHYTHM),
            categories=Keyed(rows, category, categories, knowledge.categories.items, MISSING_RHYTHM),
            in_stores=Keyed(rows, shelf, known.in_store[:, None].astype(np.float32), items, np.zeros(1, np.float32)),
            last_basket=np.empty(0, np.int64),
            household=known.household.astype(np.float32),
            day=knowledge.day[origin],
            store=knowledge.store[origin],
        )

    def _before(self, origin: IntArray, *items: IntArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return rows of `Before` for the product, the type and the category."""
        knowledge, widths = self._knowledge, (len(OWN_BEFORE_COLUMNS), len(GROUP_BEFORE_COLUMNS), len(GROUP_BEFORE_COLUMNS))
        levels = (knowledge.own, knowledge.types, knowledge.categories)
        if knowledge.before is None:
            own, types, categories = (np.full((len(origin), width), np.nan) for width in widths)
            return own, types, categories
        known = (knowledge.before.own, knowledge.before.types, knowledge.before.categories)
        own, types, categories = (
            np.vstack([part, np.full((1, width), np.nan)])[of.rows(origin, item)].astype(np.float64)
            for part, width, of, item in zip(known, widths, levels, items, strict=True)
        )
        return own, types, categories

    def _take(self, known: _Known, line: _Line, before: Sequence[_Line]) -> None:
        between = known.household[:, _OF["mean_gap_days"]].copy()
        itself = line.there & (line.bought == known.product)
        _take_from_household(known.household, line)
        self._take_from_groups(known, line, before, between)
        faded = known.own[:, _AT["decay_95"]].copy()
        if itself.any():
            known.own[itself] = _own_without(known.own[itself], between[itself], line.of(itself), known.before[0][itself])
            known.before[0][itself] = np.nan
        lost = line.faded("decay_98")
        known.in_store = np.where(itself & (known.in_store >= lost - _SLACK), known.in_store - lost, known.in_store).clip(0.0)
        self._stand_again(known, line, itself)
        self._share_of_type_again(known, line, faded)

    def _take_from_groups(self, known: _Known, line: _Line, before: Sequence[_Line], between: FloatArray) -> None:
        """A basket that holds another product of the type, or the category, still is a purchase of it."""
        rows = np.minimum(self._knowledge.own.rows(known.origin, line.product), len(self._whose) - 1)
        groups = (self._levels.product_type, self._levels.category)
        levels = (known.types, known.categories)
        for values, group, together, before_it in zip(levels, groups, self._together, known.before[1:], strict=True):
            others = together[rows] - 1
            for earlier in before:
                same = earlier.there & (earlier["baskets_since"] == line["baskets_since"])
                others = others - (same & (group[earlier.product] == group[line.product]))
            gone = line.there & (group[line.product] == group[known.product]) & (others <= 0)
            if gone.any():
                left = line.of(gone)
                purchase = (left["baskets_since"], left["days_since"])
                values[gone] = rhythm_without(values[gone], purchase, before_it[gone].T, between[gone])
                before_it[gone] = np.nan

    def _stand_again(self, known: _Known, line: _Line, itself: npt.NDArray[np.bool_]) -> None:
        """Give the product its place and share among the household's products again, now that one of them counts less."""
        bought = known.own[:, _AT["baskets"]] > 0
        first = np.searchsorted(self._whose, known.origin)
        for at, (name, suffix) in enumerate(_STANDINGS):
            lost = np.where(line.there, line.faded(name), 0.0)
            known.totals[:, at] = np.maximum(known.totals[:, at] - lost, _SLACK)
            place, share, value = _AT[f"place_{suffix}"], _AT[f"share_{suffix}"], known.own[:, _AT[name]]
            # the product itself stood above what is left of it, and what is equal within rounding does not
            above = np.searchsorted(self._ordered[at], known.origin * _SPREAD - _steps(value + _SLACK)) - first - 1
            passed = line.there & (line[f"place_{suffix}"] < known.own[:, place]) & (line[name] - lost < value)
            now = np.where(itself, np.maximum(above, 0), known.own[:, place] - passed)
            known.own[:, place] = np.where(bought, now, known.own[:, place])
            part = np.minimum(value / known.totals[:, at], 1.0)
            known.own[:, share] = np.where(bought & line.there, part, known.own[:, share])

    def _share_of_type_again(self, known: _Known, line: _Line, faded: FloatArray) -> None:
        """`faded`: the product's sum before."""
        kind, place = self._levels.product_type, _AT["faded_share_of_type"]
        alike = line.there & (kind[line.product] == kind[known.product]) & (known.own[:, _AT["baskets"]] > 0)
        of_type = np.divide(faded, known.own[:, place], out=np.ones(len(faded)), where=known.own[:, place] > 0)
        left = np.maximum(of_type - line.faded("decay_95"), _SLACK)
        known.own[:, place] = np.where(alike, np.minimum(known.own[:, _AT["decay_95"]] / left, 1.0), known.own[:, place])


def _latest_first(knowledge: HouseholdKnowledge, origin: IntArray, taken: Sequence[IntArray]) -> Sequence[IntArray]:
    """Return the columns with each row's products in one order, so that it does not matter in which they were given."""
    if len(taken) < 2:
        return taken
    bought = np.sort(np.column_stack(taken), axis=1)
    since = [
        np.where(one >= 0, knowledge.own.gather(origin, np.maximum(one, 0))[:, _AT["baskets_since"]], np.inf) for one in bought.T
    ]
    order = np.argsort(np.column_stack(since), axis=1, kind="stable")
    return tuple(np.take_along_axis(bought, order, axis=1).T)


def rhythm_without(
    values: FloatArray, purchase: tuple[FloatArray, FloatArray], before: FloatArray, between: FloatArray
) -> FloatArray:
    """Return `RHYTHM_COLUMNS` without one purchase, row by row.

    Args:
        values: rows of `RHYTHM_COLUMNS`.
        purchase: baskets and days since the purchase, which is among those that the row counts.
        before: baskets since the purchase before the latest, and the gap before the last one (2, rows); NaN where unknown.
        between: the household's mean days from basket to basket; NaN or 0 where unknown.
    """
    since, days = purchase
    left, column = values.copy(), {name: values[:, _AT[name]] for name in RHYTHM_COLUMNS}
    count, gap = column["baskets"], column["last_gap_days"]
    latest = since == column["baskets_since"]
    gaps = np.where(count > 2, count - 2, np.nan)
    counted: dict[str, FloatArray] = {
        "baskets": np.ones(len(count)),
        "recent_baskets": (since < 5).astype(np.float64),
        "recent_days": (days <= 28).astype(np.float64),
    }
    counted |= {name: base**since for name, base in _PER_BASKET.items() if name in RHYTHM_COLUMNS}
    counted |= {name: base**days for name, base in _PER_DAY.items() if name in RHYTHM_COLUMNS}
    for name, value in counted.items():
        left[:, _AT[name]] = np.maximum(column[name] - value, 0.0)
    baskets = np.where(between > 0, np.maximum(np.round(gap / np.where(between > 0, between, 1.0)), 1.0), 1.0)
    left[:, _AT["days_since"]] += np.where(latest, gap, 0.0)
    earlier = np.where(np.isnan(before[0]), column["baskets_since"] + baskets, before[0])
    left[:, _AT["baskets_since"]] = np.where(latest, earlier, column["baskets_since"])
    # the gaps' sum and sum of squares say both without the last; of one in between two gaps become one
    total, squares = (
        column["mean_gap_days"] * (count - 1),
        (column["gap_deviation_days"] ** 2 + column["mean_gap_days"] ** 2) * (count - 1),
    )
    mean = np.where(latest, total - gap, total) / gaps
    variance = np.where(latest, (squares - gap**2) / gaps - mean**2, column["gap_deviation_days"] ** 2)
    left[:, _AT["mean_gap_days"]] = mean
    left[:, _AT["gap_deviation_days"]] = np.where(count > 3, np.sqrt(np.maximum(variance, 0.0)), np.nan)
    second = np.where(np.isnan(before[1]), np.where(count > 3, mean, total - gap), before[1])
    left[:, _AT["last_gap_days"]] = np.where(count > 2, np.where(latest, second, gap), np.nan)
    return np.where((count <= 1)[:, None], MISSING_RHYTHM.astype(np.float64), left)


def _line(knowledge: HouseholdKnowledge, origin: IntArray, bought: IntArray) -> _Line:
    values = knowledge.own.gather(origin, np.maximum(bought, 0)).astype(np.float64)
    return _Line(bought, values, (bought >= 0) & (values[:, _AT["baskets"]] > 0))


def _take_from_household(household: FloatArray, line: _Line) -> None:
    one, baskets = line.there.astype(np.float64), np.maximum(household[:, _OF["baskets"]], 1.0)
    household[:, _OF["distinct_products"]] -= one * (line["baskets"] == 1)
    household[:, _OF["mean_basket_size"]] -= one / baskets
    household[:, _OF["last_size"]] -= one * (line["baskets_since"] == 0)
    faded = np.maximum(household[:, _OF["faded_baskets"]], _SLACK)
    household[:, _OF["faded_size"]] -= np.where(line.there, FADING ** line["baskets_since"] / faded, 0.0)
    household[:, _OF["small_share"]] += one * (line["last_basket_size"] == SMALL_BASKET + 1) / baskets


def _in_one_basket(knowledge: HouseholdKnowledge, group: IntArray) -> IntArray:
    """Return, per row of `own`, how many of the group's products were bought for the last time in the same basket."""
    own = knowledge.own
    since = own.values[:-1, _AT["baskets_since"]].astype(np.int64)
    key = (own.key // own.items * (int(group.max(initial=0)) + 1) + group[own.key % own.items]) * (int(since.max(initial=0)) + 1)
    _, place, count = np.unique(key + since, return_inverse=True, return_counts=True)
    return np.asarray(count[place])


def _own_without(own: FloatArray, between: FloatArray, line: _Line, before: FloatArray) -> FloatArray:
    left, count = own.copy(), own[:, _AT["baskets"]]
    second = own[:, _AT["last_two_gaps_days"]] - own[:, _AT["last_gap_days"]]
    purchase, told = (line["baskets_since"], line["days_since"]), dict(zip(OWN_BEFORE_COLUMNS, before.T, strict=True))
    earlier = np.stack([told["baskets_since"], second])
    left[:, :_RHYTHM] = rhythm_without(own[:, :_RHYTHM], purchase, earlier, between)
    for name in ("decay_80", "decay_90", "decay_14_days", "decay_30_days"):
        left[:, _AT[name]] = np.maximum(own[:, _AT[name]] - line.faded(name), 0.0)
    fewer = np.maximum(count - 1, 1.0)
    for mean, last, name in _MEANS:
        rest = np.maximum((own[:, _AT[mean]] * count - own[:, _AT[last]]) / fewer, 0.0)
        left[:, _AT[mean]] = rest
        left[:, _AT[last]] = np.where(np.isnan(told[name]), rest, told[name])
    third = np.where(np.isnan(told["third_gap_days"]), left[:, _AT["mean_gap_days"]], told["third_gap_days"])
    left[:, _AT["last_two_gaps_days"]] = np.where(count > 3, second + third, np.nan)
    return np.where((count <= 1)[:, None], MISSING_OWN.astype(np.float64), left)


def _steps(value: npt.NDArray[np.floating]) -> IntArray:
    return np.asarray(np.round(np.nan_to_num(value).astype(np.float64) * _STEPS), dtype=np.int64)
