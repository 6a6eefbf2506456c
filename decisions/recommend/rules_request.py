"""Rules of the request: what lies in the basket, what the caller took out, and whether the household may be known."""

from datetime import date

import numpy as np
import pyarrow as pa

from decisions.recommend.contract import RuleCheck
from decisions.recommend.errors import UnknownPurpose
from decisions.recommend.live import LiveFacts
from decisions.recommend.rules import EligibilityAsk, Mask

__all__ = ["PURPOSES", "Consented", "Excluded", "InBasket"]

PURPOSES = ("marketing", "operations", "personalisation")


class InBasket:
    """Not in the basket, and not in the cart of the visit."""

    name = "basket"
    standing = False

    def __init__(self, position: dict[str, int]) -> None:
        self._position = position

    def asked(self, ask: EligibilityAsk) -> bool:
        return False

    def closed(self, ask: EligibilityAsk) -> Mask:
        closed = np.zeros(len(self._position), dtype=bool)
        closed[ask.basket] = True
        closed[[self._position[product] for product in ask.live.carted if product in self._position]] = True
        return closed

    def check(self, ask: EligibilityAsk, product: int) -> RuleCheck:
        there = bool(self.closed(ask)[product])
        return RuleCheck(self.name, not there, "It is in the basket already." if there else "It is not in the basket.")


class Excluded:
    """Not among what the caller took out."""

    name = "excluded"
    standing = False

    def __init__(self, products: int) -> None:
        self._products = products

    def asked(self, ask: EligibilityAsk) -> bool:
        return False

    def closed(self, ask: EligibilityAsk) -> Mask:
        closed = np.zeros(self._products, dtype=bool)
        closed[ask.excluded] = True
        return closed

    def check(self, ask: EligibilityAsk, product: int) -> RuleCheck:
        there = bool(self.closed(ask)[product])
        return RuleCheck(self.name, not there, "The request excludes it." if there else "The request does not exclude it.")


class Consented:
    """Whether an answer may rest on what is known of a household. It rules over whole answers, not over products.

    Where the retailer delivers consents, a household needs one that holds. Where it delivers none at all, the legal basis is the
    retailer's. A withdrawal since the release always counts.
    """

    name = "consent"

    def __init__(self, consents: pa.Table, *, delivered: bool) -> None:
        self._delivered = delivered
        self._rows: dict[tuple[str, str], tuple[bool, date, bool]] = {
            (row["household_id"], row["purpose"]): (row["granted"], row["recorded_on"], row["simulated"])
            for row in consents.to_pylist()
        }

    def check(self, household_id: str, purpose: str, live: LiveFacts) -> RuleCheck:
        """Return whether the household may be known for a purpose. Raises: UnknownPurpose."""
        if purpose not in PURPOSES:
            raise UnknownPurpose(purpose, PURPOSES)
        if purpose in live.withdrawn:
            return RuleCheck(self.name, passed=False, proof=f"Consent for {purpose} was withdrawn.", source="events")
        if not self._delivered:
            proof = "No consents are delivered: the legal basis is the retailer's."
            return RuleCheck(self.name, passed=True, proof=proof, source="household_consents")
        row = self._rows.get((household_id, purpose))
        if row is None:
            proof = f"No consent for {purpose} is known that holds."
            return RuleCheck(self.name, passed=False, proof=proof, source="household_consents")
        granted, day, simulated = row
        proof = f"Consent for {purpose} {'was given' if granted else 'is refused'}."
        return RuleCheck(self.name, granted, proof, "household_consents", day, simulated)
