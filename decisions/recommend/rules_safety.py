"""Rules of safety: allergens, diets, age limits, and what must never stand in for what. What cannot be read is unknown."""

from abc import ABC, abstractmethod
from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from decisions.recommend.contract import RuleCheck
from decisions.recommend.rules import NO_ROWS, EligibilityAsk, Kept, Mask
from decisions.recommend.statements import STATEMENTS, Stated, Statements
from features.safety_words import (
    ALLERGENS,
    DIET,
    MINIMUM_AGE,
    allergen_name,
    attribute_name,
    plain_name,
    read_allergens,
    read_diet,
    read_minimum_age,
    readable,
)
from kg.ports import ArrayGraph

__all__ = ["Aged", "NeverSubstitute", "WithDiets", "WithoutAllergens"]

DECLARATIONS = "product_declarations"
NOT_READABLE = 200
"""Stands for a limit that is stated in words that cannot be read: nobody is old enough."""


class EachIsStated(ABC):
    """Each word that the request names is stated of a product: the rule of allergens and that of diets.

    Args:
        stated: all statements by attribute.
        products: how many there are.
    """

    name: str
    standing = True
    attribute: str

    def __init__(self, stated: Stated, products: int) -> None:
        self._said = Statements(self.name, stated.get(self.attribute), self.words_of, products)
        self._products = products
        texts: dict[str, list[int]] = {}
        for place, words in enumerate(self._said.readings):
            for word in words or ():
                texts.setdefault(word, []).append(place)
        self._texts = {word: np.array(places, dtype=np.int64) for word, places in texts.items()}
        self._kept = Kept(self._not_stated, products)

    @abstractmethod
    def words_of(self, text: str) -> frozenset[str] | None:
        """Return the words that a statement states; None where it cannot be read."""

    @abstractmethod
    def wanted(self, ask: EligibilityAsk) -> tuple[str, ...]:
        """Return the words that the request names, by the names that statements are compared by."""

    def asked(self, ask: EligibilityAsk) -> bool:
        return bool(self.wanted(ask))

    def closed(self, ask: EligibilityAsk) -> Mask:
        return self._kept.mask(frozenset(self.wanted(ask)))

    def check(self, ask: EligibilityAsk, product: int) -> RuleCheck:
        return self._said.check(product, passed=not self.closed(ask)[product])

    def _not_stated(self, words: frozenset[str]) -> Mask:
        if not words:
            return np.zeros(self._products, dtype=bool)
        times = np.zeros(len(self._said.readings), dtype=np.int64)
        for word in words:
            times[self._texts.get(word, NO_ROWS)] += 1
        return ~self._said.mask(times == len(words))


class WithoutAllergens(EachIsStated):
    """Each allergen that the request names is stated to be absent."""

    name = "allergens"
    attribute = ALLERGENS

    def words_of(self, text: str) -> frozenset[str] | None:
        read = read_allergens(text)
        return None if read is None else read.stated_absent

    def wanted(self, ask: EligibilityAsk) -> tuple[str, ...]:
        return tuple(allergen_name(allergen) for allergen in ask.constraints.without_allergens)


class WithDiets(EachIsStated):
    """Each diet that the request names is stated to be met."""

    name = "diet"
    attribute = DIET

    def words_of(self, text: str) -> frozenset[str] | None:
        read = read_diet(text)
        return None if read is None else read.stated_met

    def wanted(self, ask: EligibilityAsk) -> tuple[str, ...]:
        return tuple(plain_name(diet) for diet in ask.constraints.diets)


class Aged:
    """Whoever is shown the list is old enough for the highest limit that the category or a statement sets."""

    name = "age"
    standing = True

    def __init__(self, limits: pa.Table, stated: Stated, products: int) -> None:
        self._said = Statements(self.name, stated.get(MINIMUM_AGE), read_minimum_age, products)
        product, text = self._said.clear()
        years = np.array([0 if read is None else read for read in self._said.readings], dtype=np.int64)
        of_category = np.zeros(products, dtype=np.int64)
        of_category[limits["product"].to_numpy()] = limits["years"].to_numpy()
        self._category = dict(zip(limits["product"].to_pylist(), limits["category"].to_pylist(), strict=True))
        self._of_category, self._years = of_category, of_category.copy()
        self._years[product] = np.maximum(of_category[product], years[text])
        self._years[self._said.unclear()] = NOT_READABLE
        self._kept = Kept(self._too_young, products)

    def asked(self, ask: EligibilityAsk) -> bool:
        return ask.constraints.age_years is not None

    def closed(self, ask: EligibilityAsk) -> Mask:
        return self._kept.mask(ask.constraints.age_years)

    def check(self, ask: EligibilityAsk, product: int) -> RuleCheck:
        passed, years = not self.closed(ask)[product], int(self._years[product])
        if not years:
            return RuleCheck(self.name, passed, "No age limit is known of it.", "age_limits")
        if self._of_category[product] != years:
            return self._said.check(product, passed=passed)
        proof = f"{self._category[product]} is sold from {years} years on."
        return RuleCheck(self.name, passed, proof, "age_limits")

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
            self._required[row["product_id"]] = (*self._required.get(row["product_id"], ()), attribute_name(row["attribute"]))
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
        said = Statements(self.name, stated.get(attribute), lambda text: readable(attribute, text) or None, self._products)
        return said.mask(np.ones(len(said.readings), dtype=bool))


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
