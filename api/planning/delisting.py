"""What a delisting does to other products, as planning asks it: of the what-ifs of the release."""

from dataclasses import dataclass
from datetime import date

from api.services import WhatIfs
from decisions.scenarios import DelistOutcome, DelistQuestion, DelistUntold, Taker
from decisions.substitution import DelistAnswer, DelistRequest, InsufficientEvidence
from features.demand_panel import WEEK

__all__ = ["WhatIfOutcomes"]

TAKERS = 10


@dataclass(frozen=True, slots=True)
class WhatIfOutcomes:
    """Implements `decisions.scenarios.DelistOutcomes` on the served what-ifs, whose first week ahead begins on `first_week`.

    A what-if begins with the first week ahead. Of one that begins later, what is lost is that up to its end less that up to its
    beginning, and goes where the whole goes.
    """

    what_ifs: WhatIfs
    first_week: date

    def outcome(self, question: DelistQuestion) -> DelistOutcome:
        ahead, before = ((day - self.first_week) // WEEK for day in (question.until_week, question.from_week))
        told = self._asked(question, ahead)
        part = 1.0
        if before > 0 and told.lost.units > 0:
            part = max(0.0, 1.0 - self._asked(question, before).lost.units / told.lost.units)
        kept = told.stays_in_category
        return DelistOutcome(
            lost_units=part * told.lost.units,
            kept_units=part * kept.units,
            low=part * kept.low,
            high=part * kept.high,
            takers=tuple(
                Taker(one.product_id, part * one.units, part * one.low, part * one.high) for one in told.replacements[:TAKERS]
            ),
        )

    def _asked(self, question: DelistQuestion, weeks: int) -> DelistAnswer:
        request = DelistRequest((question.product_id,), question.store_ids, None, weeks, TAKERS, question.as_of)
        try:
            return self.what_ifs.delist(request)
        except InsufficientEvidence as error:
            raise DelistUntold(error.problem, error.remedy) from error
