"""Rules of the shop: in the range, on the shelf, with a price."""

from collections.abc import Iterable, Mapping
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from decisions.recommend.contract import RuleCheck
from decisions.recommend.graph_places import product_places
from decisions.recommend.rules import EligibilityAsk, Kept, Mask
from features.recommend_rules import ANY_STORE
from features.repertoire import EPOCH, IntArray, day_number
from kg.ports import ArrayGraph

__all__ = ["InRange", "InStock", "Priced"]

PLANNED = "planned_prices"
WEEK_DAYS = 6
"""From a week's Monday to its last day, of which the stock is."""


class InRange:
    """In the published graph, and merchandise there."""

    name = "in_range"
    standing = True

    def __init__(self, graph: ArrayGraph, product_ids: list[str]) -> None:
        place = product_places(graph, product_ids)
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
        # as the searches ask for it: else each search would convert the whole column
        store = stock["store"].to_numpy().astype(np.int64)
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
        return RuleCheck(self.name, passed, proof, "stock_levels", _day(self._day[row]), bool(self._simulated[row]))

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
        rows = prices.sort_by([("product", "ascending"), ("store", "descending")]).combine_chunks()
        # as the searches ask for them: else each search would convert the whole column
        self._product, self._store = (rows[name].to_numpy().astype(np.int64) for name in ("product", "store"))
        self._price = rows["price"].to_numpy()
        self._day, self._simulated = rows["day"].cast(pa.int32()).to_numpy(), rows["simulated"].to_numpy()
        self._planned = np.asarray(pc.equal(rows["source"], PLANNED).to_numpy(), dtype=bool)
        self._by_store = np.argsort(self._store, kind="stable")
        self._stores = self._store[self._by_store]
        self._kept = Kept(self._unpriced, products)
        self._products = products

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
        row = int(first + here[0])
        where = "in the store" if self._store[row] != ANY_STORE else "in the chain"
        how, source = ("is planned", PLANNED) if self._planned[row] else ("was paid", "sales_lines")
        proof = f"A price of {self._price[row]:.2f} {how} {where}."
        return RuleCheck(self.name, passed, proof, source, _day(self._day[row]), bool(self._simulated[row]))

    def _unpriced(self, store: int, only: bool) -> Mask:
        closed = np.full(self._products, only)
        for place in {ANY_STORE, store}:
            first, last = np.searchsorted(self._stores, (place, place + 1))
            closed[self._product[self._by_store[first:last]]] = False
        return closed


def _day(number: int) -> date:
    return EPOCH + timedelta(days=int(number))
