"""Rules of the shop: in the range, on the shelf, with a price."""

from collections.abc import Iterable, Mapping
from datetime import date, timedelta

import numpy as np
import pyarrow as pa

from decisions.recommend.contract import RuleCheck
from decisions.recommend.rules import EligibilityAsk, Kept, Mask
from features.recommend_rules import ANY_STORE
from features.repertoire import IntArray, day_number
from kg.ports import ArrayGraph

__all__ = ["InRange", "InStock", "Priced"]

WEEK_DAYS = 6
"""From a week's Monday to its last day, of which the stock is."""


class InRange:
    """In the published graph, and merchandise there."""

    name = "in_range"
    standing = True

    def __init__(self, graph: ArrayGraph, product_ids: list[str]) -> None:
        places = [graph.position("Product", product) for product in product_ids]
        place = np.array([-1 if place is None else place for place in places], dtype=np.int64)
        merchandise = np.asarray(graph.column("Product", "merchandise").to_numpy(), dtype=bool)
        self._missing = place < 0
        self._closed = self._missing.copy()
        self._closed[~self._missing] = ~merchandise[place[~self._missing]]
        self._version = graph.version

    def asked(self, ask: EligibilityAsk) -> bool:
        return False

    def closed(self, ask: EligibilityAsk) -> Mask:
        return self._closed

    def check(self, ask: EligibilityAsk, product: int) -> RuleCheck:
        if self._missing[product]:
            proof = f"Graph version {self._version.id} does not have it."
        else:
            kind = "not merchandise" if self._closed[product] else "merchandise"
            proof = f"Graph version {self._version.id} has it as {kind}."
        return RuleCheck(self.name, not self._closed[product], proof, "products", self._version.as_of)


class InStock:
    """Not known to be missing in the store; where it is asked for, known to be there.

    Stock is the count at the end of a week; `day` is that week's last day. A shelf that became empty since then closes at once,
    one that was filled opens, however old the count is.
    """

    name = "in_stock"
    standing = False

    def __init__(self, stock: pa.Table, position: Mapping[str, int], as_of: date, stock_age_days: int) -> None:
        self._position, self._products = position, len(position)
        self._product_ids = list(position)
        self._today, self._age = day_number(as_of), stock_age_days
        store = stock["store"].to_numpy()
        order = np.argsort(store, kind="stable")
        rows = {name: stock[name].to_numpy()[order] for name in ("product", "stock_on_hand_units", "simulated")}
        self._product, self._units, self._simulated = rows.values()
        self._day = stock["week_start"].cast(pa.int32()).to_numpy()[order] + WEEK_DAYS
        self._store = store[order]
        self._kept = Kept(self._counted, self._products)

    def asked(self, ask: EligibilityAsk) -> bool:
        return ask.constraints.in_stock_only

    def closed(self, ask: EligibilityAsk) -> Mask:
        counted = self._kept.mask(ask.place, ask.constraints.in_stock_only, self._age_of(ask))
        if not ask.live.out_of_stock and not ask.live.back_in_stock:
            return counted
        closed = counted.copy()
        closed[self._positions(ask.live.back_in_stock)] = False
        closed[self._positions(ask.live.out_of_stock)] = True
        return closed

    def check(self, ask: EligibilityAsk, product: int) -> RuleCheck:
        passed = not self.closed(ask)[product]
        product_id = self._product_ids[product]
        if product_id in ask.live.out_of_stock:
            return RuleCheck(self.name, passed, "An event since the release says that the shelf became empty.", "events")
        if product_id in ask.live.back_in_stock:
            return RuleCheck(self.name, passed, "An event since the release says that the shelf was filled.", "events")
        row = self._row(ask.place, product)
        if row is None:
            where = "in the store" if ask.place >= 0 else "because no store is known"
            return RuleCheck(self.name, passed, f"Its stock is unknown {where}.", "stock_levels")
        age = self._today - int(self._day[row])
        known = "" if age <= self._age_of(ask) else f" That is older than {self._age_of(ask)} days, so the stock is unknown."
        proof = f"{self._units[row]:g} units were in the store {age} days before the release's day.{known}"
        day = date(1970, 1, 1) + timedelta(days=int(self._day[row]))
        return RuleCheck(self.name, passed, proof, "stock_levels", day, bool(self._simulated[row]))

    def _age_of(self, ask: EligibilityAsk) -> int:
        asked = ask.constraints.largest_stock_age_days
        return self._age if asked is None else asked

    def _counted(self, store: int, only: bool, age_days: int) -> Mask:
        closed = np.full(self._products, only)
        first, last = np.searchsorted(self._store, (store, store + 1)) if store >= 0 else (0, 0)
        known = np.arange(first, last)[self._today - self._day[first:last] <= age_days]
        closed[self._product[known]] = self._units[known] <= 0
        return closed

    def _row(self, store: int, product: int) -> int | None:
        if store < 0:
            return None
        first, last = np.searchsorted(self._store, (store, store + 1))
        found = np.flatnonzero(self._product[first:last] == product)
        return int(first + found[0]) if len(found) else None

    def _positions(self, product_ids: Iterable[str]) -> IntArray:
        found = [self._position[product] for product in product_ids if product in self._position]
        return np.array(found, dtype=np.int64)


class Priced:
    """Where it is asked for, a price is known: in the store, or else in the chain."""

    name = "priced"
    standing = True

    def __init__(self, prices: pa.Table, products: int) -> None:
        self._prices = prices.sort_by([("product", "ascending"), ("store", "descending")]).combine_chunks()
        self._store, self._product = self._prices["store"].to_numpy(), self._prices["product"].to_numpy()
        self._products = products
        self._kept = Kept(self._unpriced, products)

    def asked(self, ask: EligibilityAsk) -> bool:
        return ask.constraints.priced_only

    def closed(self, ask: EligibilityAsk) -> Mask:
        return self._kept.mask(ask.place, ask.constraints.priced_only)

    def check(self, ask: EligibilityAsk, product: int) -> RuleCheck:
        passed = not self.closed(ask)[product]
        first, last = np.searchsorted(self._product, (product, product + 1))
        stores = self._store[first:last]
        here = np.flatnonzero((stores == ask.place) | (stores == ANY_STORE))
        if not len(here):
            return RuleCheck(self.name, passed, "No price of it is known.", "sales_lines")
        # stores come before the chain
        row = self._prices.slice(int(first + here[0]), 1).to_pylist()[0]
        where = "in the store" if row["store"] != ANY_STORE else "in the chain"
        how = "is planned" if row["source"] == "planned_prices" else "was paid"
        return RuleCheck(
            self.name, passed, f"A price of {row['price']:.2f} {how} {where}.", row["source"], row["day"], row["simulated"]
        )

    def _unpriced(self, store: int, only: bool) -> Mask:
        closed = np.full(self._products, only)
        closed[self._product[(self._store == store) | (self._store == ANY_STORE)]] = False
        return closed
