"""Rules of safety: allergens, diets, age limits, and what must never stand in for what. What cannot be read is unknown."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from decisions.recommend.contract import RuleCheck
from decisions.recommend.rules import EligibilityAsk, Kept, Mask
from features.safety_words import (
    ALLERGENS,
    DIET,
    MINIMUM_AGE,
    AllergenStatement,
    DietStatement,
    allergen_name,
    plain_name,
    read_allergens,
    read_diet,
    read_minimum_age,
    readable,
)
from kg.ports import ArrayGraph

__all__ = ["Aged", "NeverSubstitute", "Stated", "Statement", "WithDiets", "WithoutAllergens", "read_statements"]

STATEMENTS, DECLARATIONS = "safety_statements", "product_declarations"
NOT_READABLE = 200
"""Stands for a limit that is stated in words that cannot be read: nobody is old enough."""


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement as it was delivered."""

    text: str
    valid_from: date
    simulated: bool


Stated = Mapping[str, Mapping[int, Statement]]
"""Statements by attribute, in the plain spelling, and product."""


def read_statements(table: pa.Table) -> Stated:
    """Return the statements of `recommend_statements` by attribute and product.

    An attribute that is spelt in two ways may be stated twice; such statements are held side by side, and no grammar reads them.
    """
    stated: dict[str, dict[int, Statement]] = {}
    for row in table.to_pylist():
        by_product = stated.setdefault(_attribute(row["attribute"]), {})
        one, other = Statement(row["statement"], row["valid_from"], row["simulated"]), by_product.get(row["product"])
        if other is not None:
            one = replace(one, text=f"{other.text} | {one.text}")
        by_product[row["product"]] = one
    return stated


class WithoutAllergens:
    """Each allergen that the request names is stated to be absent."""

    name = "allergens"
    standing = True

    def __init__(self, stated: Stated, products: int) -> None:
        self._stated, self._products = stated.get(ALLERGENS, {}), products
        readings = {product: read_allergens(statement.text) for product, statement in self._stated.items()}
        self._read: dict[int, AllergenStatement] = {product: read for product, read in readings.items() if read is not None}
        self._kept = Kept(self._not_absent, self._products)

    def asked(self, ask: EligibilityAsk) -> bool:
        return bool(ask.constraints.without_allergens)

    def closed(self, ask: EligibilityAsk) -> Mask:
        return self._kept.mask(frozenset(ask.constraints.without_allergens))

    def check(self, ask: EligibilityAsk, product: int) -> RuleCheck:
        readable_there = product in self._read
        return _told(self.name, self._stated.get(product), passed=not self.closed(ask)[product], can_be_read=readable_there)

    def _not_absent(self, allergens: frozenset[str]) -> Mask:
        names = [allergen_name(allergen) for allergen in allergens]
        closed = np.full(self._products, bool(names))
        open_to = [product for product, read in self._read.items() if all(read.states_absent(name) for name in names)]
        closed[np.array(open_to, dtype=np.int64)] = False
        return closed


class WithDiets:
    """Each diet that the request names is stated to be met."""

    name = "diet"
    standing = True

    def __init__(self, stated: Stated, products: int) -> None:
        self._stated, self._products = stated.get(DIET, {}), products
        readings = {product: read_diet(statement.text) for product, statement in self._stated.items()}
        self._read: dict[int, DietStatement] = {product: read for product, read in readings.items() if read is not None}
        self._kept = Kept(self._not_met, self._products)

    def asked(self, ask: EligibilityAsk) -> bool:
        return bool(ask.constraints.diets)

    def closed(self, ask: EligibilityAsk) -> Mask:
        return self._kept.mask(frozenset(ask.constraints.diets))

    def check(self, ask: EligibilityAsk, product: int) -> RuleCheck:
        readable_there = product in self._read
        return _told(self.name, self._stated.get(product), passed=not self.closed(ask)[product], can_be_read=readable_there)

    def _not_met(self, diets: frozenset[str]) -> Mask:
        names = [plain_name(diet) for diet in diets]
        closed = np.full(self._products, bool(names))
        open_to = [product for product, read in self._read.items() if all(read.states_met(name) for name in names)]
        closed[np.array(open_to, dtype=np.int64)] = False
        return closed


class Aged:
    """Whoever is shown the list is old enough for the highest limit that the category or a statement sets."""

    name = "age"
    standing = True

    def __init__(self, limits: pa.Table, stated: Stated, products: int) -> None:
        self._category = {row["product"]: (row["years"], row["category"]) for row in limits.to_pylist()}
        self._stated = stated.get(MINIMUM_AGE, {})
        self._years = np.zeros(products, dtype=np.int64)
        for product, (years, _) in self._category.items():
            self._years[product] = years
        for product, statement in self._stated.items():
            years = read_minimum_age(statement.text)
            self._years[product] = max(self._years[product], NOT_READABLE if years is None else years)
        self._kept = Kept(self._too_young, products)

    def asked(self, ask: EligibilityAsk) -> bool:
        return ask.constraints.age_years is not None

    def closed(self, ask: EligibilityAsk) -> Mask:
        return self._kept.mask(ask.constraints.age_years)

    def check(self, ask: EligibilityAsk, product: int) -> RuleCheck:
        passed, years = not self.closed(ask)[product], int(self._years[product])
        if not years:
            return RuleCheck(self.name, passed, "No age limit is known of it.", "age_limits")
        by_category, category = self._category.get(product, (0, ""))
        if by_category == years:
            return RuleCheck(self.name, passed, f"{category} is sold from {years} years on.", "age_limits")
        return _told(self.name, self._stated.get(product), passed=passed, can_be_read=years != NOT_READABLE)

    def _too_young(self, age_years: int | None) -> Mask:
        return np.asarray(self._years > (0 if age_years is None else age_years))


class NeverSubstitute:
    """What stands in for a product is not declared never to, needs it not, and states whatever the product's category requires.

    A declaration counts here in whatever part of the chain it was made: an answer is not sure to be inside of another one.
    """

    name = "never_substitute"
    standing = True

    def __init__(self, graph: ArrayGraph, position: Mapping[str, int], required: pa.Table, stated: Stated) -> None:
        self._products = len(position)
        self._never = _declared(graph, "neverSubstituteFor", position, both_ways=False)
        self._needs = _declared(graph, "requires", position, both_ways=True)
        self._required: dict[str, tuple[str, ...]] = {}
        for row in required.to_pylist():
            self._required[row["product_id"]] = (*self._required.get(row["product_id"], ()), _attribute(row["attribute"]))
        self._says = {name: self._saying(name, stated) for names in self._required.values() for name in names}
        self._day = graph.version.as_of
        self._kept = Kept(self._forbidden, self._products)

    def asked(self, ask: EligibilityAsk) -> bool:
        return ask.stands_in_for is not None

    def closed(self, ask: EligibilityAsk) -> Mask:
        return self._kept.mask(ask.stands_in_for)

    def check(self, ask: EligibilityAsk, product: int) -> RuleCheck:
        passed = not self.closed(ask)[product]
        proof, source = self._proof(ask.stands_in_for, product)
        return RuleCheck(self.name, passed, proof, source, self._day)

    def _proof(self, anchor: str | None, product: int) -> tuple[str, str]:
        if anchor is None:
            return "It stands in for nothing.", DECLARATIONS
        if product in self._never.get(anchor, ()):
            return "It is declared never to replace it.", DECLARATIONS
        if product in self._needs.get(anchor, ()):
            return "One is declared to need the other.", DECLARATIONS
        silent = [name for name in self._required.get(anchor, ()) if not self._says[name][product]]
        if silent:
            return f"What replaces it needs a statement on {', '.join(silent)}, and there is none that can be read.", STATEMENTS
        return "Nothing declared forbids it.", DECLARATIONS

    def _forbidden(self, anchor: str | None) -> Mask:
        closed = np.zeros(self._products, dtype=bool)
        if anchor is not None:
            closed[[*self._never.get(anchor, ()), *self._needs.get(anchor, ())]] = True
            for name in self._required.get(anchor, ()):
                closed |= ~self._says[name]
        return closed

    def _saying(self, attribute: str, stated: Stated) -> Mask:
        says = np.zeros(self._products, dtype=bool)
        for product, statement in stated.get(attribute, {}).items():
            says[product] = readable(attribute, statement.text)
        return says


def _declared(graph: ArrayGraph, relation: str, position: Mapping[str, int], *, both_ways: bool) -> dict[str, tuple[int, ...]]:
    """Return by the id of a target the positions of the sources that a declaration in force names, or of either by the other."""
    edges, day = graph.export_edges(relation), pa.scalar(graph.version.as_of, pa.date32())
    over = pc.fill_null(pc.less_equal(edges["valid_to"], day), fill_value=False)
    to_come = pc.fill_null(pc.greater(edges["valid_from"], day), fill_value=False)
    retracted = pc.fill_null(pc.equal(edges["status"], "retracted"), fill_value=False)
    held = edges.filter(pc.invert(pc.or_(retracted, pc.or_(over, to_come))))
    pairs = list(zip(held["target"].to_pylist(), held["source"].to_pylist(), strict=True))
    found: dict[str, tuple[int, ...]] = {}
    for one, other in [*pairs, *(pair[::-1] for pair in pairs if both_ways)]:
        if other in position:
            found[one] = (*found.get(one, ()), position[other])
    return found


def _attribute(name: str) -> str:
    return plain_name(name).replace(" ", "_")


def _told(rule: str, statement: Statement | None, *, passed: bool, can_be_read: bool) -> RuleCheck:
    if statement is None:
        return RuleCheck(rule, passed, "There is no statement on it.", STATEMENTS)
    how = "" if can_be_read else " That cannot be read, so nothing is known."
    proof = f"It is stated: '{statement.text}'.{how}"
    return RuleCheck(rule, passed, proof, STATEMENTS, statement.valid_from, statement.simulated)
