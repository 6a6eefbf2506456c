"""Occasions on which former buyers of a product chose something else of its category: what a model of choice is fitted on.

Two kinds. *Gone*: the product was no longer there, so that the next trip for the category had to end otherwise. *Passed over*: it
was there, and the next basket with the category but without it tells what. The second kind is plentiful and teaches habit; the
first kind is scarce and is what is asked about.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from features.category_lines import CategoryLines, Shelf
from features.choice_features import (
    HOUSEHOLD_FEATURES,
    LOYALTY_FEATURES,
    PAIR_FEATURES,
    household_features,
    loyalty,
    loyalty_features,
    pair_features,
)
from features.choice_state import ShelfState, shelf_state

__all__ = [
    "FEWEST_BUYERS",
    "LATER_DAYS",
    "ChoiceRows",
    "Choices",
    "Missing",
    "choice_rows",
    "first_choices",
    "former_buyers",
    "in_states",
    "joined_rows",
    "passed_over",
]

BUYER_BASKETS = 2
FEWEST_BUYERS = 8
LONG_DAYS = 91
LATER_DAYS = 28
STEADY_WEEKS = 11
MOST_TAKEN = 8
"""Further places for what a basket holds of the category."""
NEVER_TAKEN = HOUSEHOLD_FEATURES.index("never_taken")
SAME_TYPE = PAIR_FEATURES.index("same_type")
FEATURES = len(HOUSEHOLD_FEATURES) + len(LOYALTY_FEATURES) + len(PAIR_FEATURES)


@dataclass(frozen=True, slots=True, eq=False)
class Missing:
    """A product (number on its shelf) that former buyers went without after `day`, until `until` (days since 1970-01-01).

    `gone` tells whether it had left the shelf, `alone` whether nothing else of the category went or came with it, `weight` what
    each of its choices counts. `households` (mask over those of the lines) are the ones concerned; None: all. `back` tells
    whether it was on the shelf for four known weeks after `until`.
    """

    category: int
    product: int
    day: int
    until: int
    gone: bool
    weight: float = 1.0
    households: np.ndarray | None = None
    alone: bool = True
    back: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Choices:
    """First choices of former buyers: `share[i, j]` is the part of buyer i's first basket of the category that was product j.

    `buyers` are places in the state's households; those without a later basket have a row of zeros.
    """

    state: ShelfState
    missing: int
    buyers: np.ndarray
    share: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class ChoiceRows:
    """Candidates of many choices, one row each: features in the order household, loyalty, pair (float32).

    `size` counts the rows of each choice, `taken` sums to 1 within one, `weight` and `category` are per choice.
    """

    features: np.ndarray
    taken: np.ndarray
    size: np.ndarray
    weight: np.ndarray
    category: np.ndarray

    def of_choices(self, chosen: np.ndarray) -> "ChoiceRows":
        """Return some choices, by mask."""
        rows = np.repeat(chosen, self.size)
        return ChoiceRows(self.features[rows], self.taken[rows], self.size[chosen], self.weight[chosen], self.category[chosen])


def first_choices(shelf: Shelf, state: ShelfState, missing: Missing) -> Choices | None:
    """Return what former buyers (2 baskets or more) of a product took first in `(missing.day, missing.until]`.

    Where the product was there, baskets that hold it do not count. None when the state leaves it out.

    Args:
        shelf: the category's lines; those up to `until` are read.
        state: the category at the end of `missing.day`.
        missing: the product, and when.
    """
    place = int(state.places(np.array([missing.product]))[0])
    if place < 0:
        return None
    buyers = former_buyers(state, missing, place)
    share = np.zeros((buyers.size, state.products.size), dtype=np.float32)
    wanted = (shelf.day > missing.day) & (shelf.day <= missing.until) & np.isin(shelf.household, state.households[buyers])
    if not missing.gone:
        # what is taken beside the product is not taken in its place
        wanted &= ~np.isin(shelf.basket, shelf.basket[shelf.product == missing.product])
    lines = np.flatnonzero(wanted)
    _, first = np.unique(shelf.household[lines], return_index=True)
    chosen = lines[np.isin(shelf.basket[lines], shelf.basket[lines[first]])]
    row = np.searchsorted(state.households[buyers], shelf.household[chosen])
    taken = state.places(shelf.product[chosen])
    known = (taken >= 0) & (taken != place)
    share[row[known], taken[known]] = 1.0
    share /= np.maximum(share.sum(axis=1, keepdims=True), 1.0)
    return Choices(state, place, buyers, share)


def former_buyers(state: ShelfState, missing: Missing, place: int) -> np.ndarray:
    """Return the households (places) concerned that took the product in 2 baskets or more."""
    buyers = state.buyers(place, BUYER_BASKETS)
    return buyers if missing.households is None else buyers[missing.households[state.households[buyers]]]


def passed_over(
    lines: CategoryLines, *, seed: int, days_per_category: int, products_per_day: int, horizon_days: int
) -> list[Missing]:
    """Draw products that sold steadily, on days that leave 13 weeks of history before and the horizon after them."""
    random = np.random.default_rng(seed)
    earliest, latest = lines.first_day + LONG_DAYS, lines.last_day - horizon_days
    drawn: list[Missing] = []
    if latest < earliest:
        return drawn
    for category in range(len(lines.categories)):
        shelf = lines.shelf(category)
        for day in np.sort(random.integers(earliest, latest + 1, days_per_category)):
            steady = _steady(shelf, int(day))
            until = int(day) + horizon_days
            chosen = random.permutation(steady)[:products_per_day]
            back = until + LATER_DAYS <= lines.last_day
            drawn.extend(Missing(category, int(product), int(day), until, gone=False, back=back) for product in chosen)
    return drawn


def in_states(lines: CategoryLines, missing: Iterable[Missing]) -> Iterator[tuple[Shelf, ShelfState, list[Missing]]]:
    """Yield missing products by the category and the day that they share: computing that state is the larger part of the work."""
    found: dict[tuple[int, int], list[Missing]] = {}
    for one in missing:
        found.setdefault((one.category, one.day), []).append(one)
    for (category, day), group in found.items():
        shelf = lines.shelf(category)
        yield shelf, shelf_state(shelf, day), group


def choice_rows(
    choices: Choices, missing: Missing, random: np.random.Generator, *, choices_each: int, others_each: int
) -> ChoiceRows | None:
    """Return the rows of at most `choices_each` choices of a missing product, each with `others_each` candidates not taken.

    None with fewer than 8 former buyers. Sampling alternatives evenly leaves a conditional logit consistent. Source: McFadden,
    Modelling the choice of residential location, 1978.
    """
    made = np.flatnonzero(choices.share.any(axis=1))
    if choices.buyers.size < FEWEST_BUYERS or not made.size:
        return None
    return _rows(choices, np.sort(random.permutation(made)[:choices_each]), missing, others_each, random)


def joined_rows(parts: Sequence[ChoiceRows]) -> ChoiceRows:
    """Return the rows of many missing products as one set."""
    none = np.zeros(0, np.float32)
    counts = np.zeros(0, np.int64)
    everything = [ChoiceRows(np.zeros((0, FEATURES), np.float32), none, counts, none, counts), *parts]
    names = ("features", "taken", "size", "weight", "category")
    return ChoiceRows(*(np.concatenate([getattr(one, name) for one in everything]) for name in names))


def _rows(choices: Choices, made: np.ndarray, missing: Missing, others: int, random: np.random.Generator) -> ChoiceRows:
    state, share = choices.state, choices.share[made]
    of_household = household_features(state, choices.buyers[made])
    of_pair = pair_features(state, np.array([choices.missing]))[0]
    never = of_household[:, :, NEVER_TAKEN]
    loyal = loyalty_features(loyalty(state, choices.buyers[made], choices.missing), never, of_pair[:, SAME_TYPE])
    order = random.random(share.shape)
    order[:, choices.missing] = 2.0
    order[share > 0] = -1.0
    kept = np.sort(np.argsort(order, axis=1, kind="stable")[:, : others + MOST_TAKEN], axis=1)
    wanted = np.take_along_axis(order, kept, axis=1) <= 1.0
    row = np.repeat(np.arange(made.size), wanted.sum(axis=1))
    column = kept[wanted]
    features = np.concatenate([of_household[row, column], loyal[row, column], of_pair[column]], axis=1)
    return ChoiceRows(features, share[row, column], wanted.sum(axis=1), *_of_choices(missing, made.size))


def _of_choices(missing: Missing, choices: int) -> tuple[np.ndarray, np.ndarray]:
    return np.full(choices, missing.weight, dtype=np.float32), np.full(choices, missing.category, dtype=np.int64)


def _steady(shelf: Shelf, day: int) -> np.ndarray:
    """Return the products that sold in at least 11 of the 13 weeks up to a day."""
    age = day - shelf.day
    late = (age >= 0) & (age < LONG_DAYS)
    weeks = np.unique(shelf.product[late] * (LONG_DAYS // 7) + age[late] // 7) // (LONG_DAYS // 7)
    return np.flatnonzero(np.bincount(weeks, minlength=shelf.products) >= STEADY_WEEKS)
