"""What `bench switching` asks about: products that went away, and products that stayed (placebos), with what came after."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from decisions.relations.recovery import Outcome, measure_outcome
from features.category_lines import CategoryLines, Shelf
from features.choice_occasions import FEWEST_BUYERS, Choices, Missing, first_choices, in_states, passed_over
from features.choice_state import ShelfState
from lake import Lake

__all__ = ["Case", "delistings", "open_cases", "placebos"]

WINDOW_DAYS = 56
WATCHED_DAYS = 28

EVENTS = """
WITH bought AS (
    SELECT l.product_id, p.category, l.basket_id, l.business_date
    FROM sales_lines l JOIN products p USING (product_id)
    WHERE l.merchandise AND l.quantity > 0 AND p.category IS NOT NULL
), span AS (
    SELECT product_id, category, max(business_date) AS last_sold FROM bought GROUP BY product_id, category
), steady AS (
    SELECT s.product_id, s.category, s.last_sold, count(DISTINCT (s.last_sold - b.business_date) // 7) AS weeks
    FROM span s JOIN bought b USING (product_id)
    WHERE b.business_date > s.last_sold - INTERVAL 91 DAY
    GROUP BY ALL
)
SELECT product_id, category, last_sold FROM steady
WHERE weeks >= 11
  AND last_sold <= (SELECT max(business_date) FROM bought) - INTERVAL 28 DAY
  AND last_sold >= (SELECT min(business_date) FROM bought) + INTERVAL 90 DAY
ORDER BY last_sold, product_id
"""


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """One product that is missing, what is known on that day, and what came: first choices, and the outcome of eight weeks.

    `choices` looks at all days after the event; `outcome` at `WINDOW_DAYS` of them.
    """

    missing: Missing
    shelf: Shelf
    state: ShelfState
    choices: Choices
    outcome: Outcome

    @property
    def took(self) -> np.ndarray:
        """Which former buyers (rows) took which products first (mask, buyers x products)."""
        return np.asarray(self.choices.share > 0)

    @property
    def never(self) -> np.ndarray:
        """Which products each former buyer had never taken (mask)."""
        return np.asarray(self.state.taken[self.choices.buyers].toarray() == 0)


def delistings(lake: Lake, lines: CategoryLines) -> list[Missing]:
    """Return the products that sold in 11 of the 13 weeks up to their last sale, and not in the last 28 days of the data."""
    found = []
    for row in lake.sql(EVENTS).to_pylist():
        place = lines.place(row["product_id"])
        if place is not None:
            found.append(Missing(*place, _number(row["last_sold"], lines), lines.last_day, gone=True))
    return found


def placebos(lines: CategoryLines, *, seed: int) -> list[Missing]:
    """Draw products that sold steadily, on any day, to be treated as if they had gone."""
    return passed_over(lines, seed=seed, days_per_category=3, products_per_day=1, horizon_days=WINDOW_DAYS)


def open_cases(lines: CategoryLines, missing: Sequence[Missing], *, stayed: bool) -> list[Case]:
    """Return the cases with 8 former buyers or more, any first choice, and four weeks after.

    Args:
        lines: with what came after.
        missing: the products.
        stayed: keep those that former buyers went on buying (placebos), instead of all.
    """
    cases = []
    for shelf, state, group in in_states(lines, missing):
        for one in group:
            window = Missing(one.category, one.product, one.day, min(one.day + WINDOW_DAYS, lines.last_day), gone=one.gone)
            choices, outcome = first_choices(shelf, state, one), measure_outcome(shelf, state, window)
            if choices is None or outcome is None or choices.buyers.size < FEWEST_BUYERS or not choices.share.any():
                continue
            if window.until - window.day >= WATCHED_DAYS and (not stayed or outcome.own_after > 0):
                cases.append(Case(one, shelf, state, choices, outcome))
    return cases


def _number(day: date, lines: CategoryLines) -> int:
    return (day - lines.epoch).days
