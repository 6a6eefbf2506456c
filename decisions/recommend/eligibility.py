"""Which products may be shown: every rule over every product, once per release, and the proof of it for one product."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np

from decisions.recommend.contract import Constraints, RuleCheck, Withheld
from decisions.recommend.live import LiveFacts
from decisions.recommend.rules import USUAL_SETTINGS, EligibilityAsk, EligibilitySettings, Kept, Mask, Rule
from decisions.recommend.rules_request import PURPOSES, Consented, Excluded, InBasket
from decisions.recommend.rules_safety import Aged, NeverSubstitute, WithDiets, WithoutAllergens
from decisions.recommend.rules_shop import InRange, InStock, Priced
from decisions.recommend.statements import statements_of
from features import Tables
from features.repertoire import IntArray
from kg.ports import ArrayGraph

__all__ = ["PURPOSES", "RULES", "Eligibility", "EligibilityAsk", "EligibilitySettings", "Openness"]

RULES = (
    "in_range",
    "in_stock",
    "priced",
    "allergens",
    "diet",
    "age",
    "never_substitute",
    "basket",
    "excluded",
    "consent",
)
"""The public names, in the order in which a product that several rules keep out is counted. `consent` is over the answer."""


@dataclass(frozen=True, slots=True, eq=False)
class Openness:
    """Which products may be shown (`mask`, by position), and which each rule keeps out. Arrays are not written to."""

    mask: Mask
    ask: EligibilityAsk
    rules: tuple[Rule, ...]

    @property
    def closed_by(self) -> Mapping[str, Mask]:
        """What each rule keeps out, computed when it is asked for."""
        return {rule.name: rule.closed(self.ask) for rule in self.rules}

    def withheld(self, candidates: IntArray) -> tuple[Withheld, ...]:
        """Return how many of the candidates each rule kept out; each counts for the first rule that it breaks."""
        left, counts = np.asarray(candidates), []
        for rule, closed in self.closed_by.items():
            broken = closed[left]
            if broken.any():
                counts.append(Withheld(rule, int(broken.sum())))
                left = left[~broken]
        return tuple(counts)


class Eligibility:
    """The rules of one release. Built once, deterministic, safe to share between threads.

    Args:
        graph: the published version.
        tables: the feature tables of `serving_tables` and `eligibility_tables`.
        as_of: the release's day, from which the age of stock counts.
        settings: the retailer's bounds.
    """

    def __init__(self, graph: ArrayGraph, tables: Tables, as_of: date, settings: EligibilitySettings = USUAL_SETTINGS) -> None:
        product_ids: list[str] = tables.table("recommend_products")["product_id"].to_pylist()
        position = {product: place for place, product in enumerate(product_ids)}
        stated, count = statements_of(tables.table("recommend_statements")), len(product_ids)
        self.rules: tuple[Rule, ...] = (
            InRange(graph, product_ids),
            InStock(tables.table("recommend_stock"), position, as_of, settings.stock_age_days),
            Priced(tables.table("recommend_prices"), count),
            WithoutAllergens(stated, count),
            WithDiets(stated, count),
            Aged(tables.table("recommend_age_limits"), stated, count),
            NeverSubstitute(graph, position, tables.table("recommend_required"), stated),
            InBasket(position),
            Excluded(count),
        )
        self._standing = tuple(rule for rule in self.rules if rule.standing)
        self._momentary = tuple(rule for rule in self.rules if not rule.standing)
        self._kept = Kept(self._closed_for, count)
        self._consent = Consented(
            tables.table("recommend_consents"), delivered=bool(tables.table("recommend_consent_feed")["rows_known"][0].as_py())
        )

    def open(self, ask: EligibilityAsk) -> Openness:
        """Return which products may be shown to whom the request is for."""
        closed = self._kept.mask(ask.place, ask.constraints, ask.stands_in_for)
        for rule in self._momentary:
            closed = closed | rule.closed(ask)
        return Openness(~closed, ask, self.rules)

    def _closed_for(self, place: int, constraints: Constraints, stands_in_for: str | None) -> Mask:
        """What the standing rules keep out, made from nothing but what it is kept by."""
        ask = EligibilityAsk(place, constraints, stands_in_for=stands_in_for)
        return np.asarray(np.logical_or.reduce([rule.closed(ask) for rule in self._standing]))

    def checks(self, ask: EligibilityAsk, product: int) -> tuple[RuleCheck, ...]:
        """Return every rule held against a product, failing ones first."""
        checks = [rule.check(ask, product) for rule in self.rules]
        return tuple(sorted(checks, key=lambda check: check.passed))

    def asked(self, ask: EligibilityAsk, product: int) -> tuple[RuleCheck, ...]:
        """Return the checks of the rules that the request asked for."""
        return tuple(rule.check(ask, product) for rule in self.rules if rule.asked(ask))

    def personal(self, household_id: str, purpose: str, live: LiveFacts) -> RuleCheck:
        """Return whether an answer may rest on what is known of a household. Raises: UnknownPurpose."""
        return self._consent.check(household_id, purpose, live)
