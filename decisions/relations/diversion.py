"""Diversion ratios: of the demand for a product that goes away, the share that each other product of its category takes over.

diversion(A -> B) = recovery x share of first choices, turned towards products of the same type (`kin`). The share is the mean,
over former buyers of A, weighted by how much they bought it, of the probability that a model of choice gives B when A is missing
(`choice`); the recovery is the part of the lost demand that stays in the category at all, from differences against a
counterfactual (`recovery`); the interval comes from choices the model was not fitted on and from gains (`doubt`). Source of the
measure: Conlon and Mortimer, Empirical properties of diversion ratios, 2021.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from decisions.relations.choice import SAME_TYPE, ChoiceModel
from decisions.relations.doubt import ShareDoubt, known_of
from decisions.relations.edges import Candidates
from decisions.relations.intervals import Estimate
from decisions.relations.kin import towards_kin
from decisions.relations.recovery import Recovery
from features.category_lines import CategoryLines
from features.choice_features import PAIR_FEATURES, loyalty_of, pair_features
from features.choice_state import ShelfState, shelf_state
from kg.ports import CHAIN

__all__ = ["UNIT", "DiversionModel", "OwnChoices", "Scopes", "diversions", "joined", "listed_share"]

UNIT = "diversion_ratio"
APART = PAIR_FEATURES.index("apart")
BUYER_BASKETS = 2
WORTH_TREES = 64
"""So many candidates of a product, the best by the linear part, are looked at by the trees; the rest hardly matter."""
LEAST_SHARE = 0.002
LEAST_WEIGHT = 0.05
BLOCK = 256


@dataclass(frozen=True, slots=True, eq=False)
class OwnChoices:
    """First choices after a product's own events, by its number: numbers of products taken, how often, how often foreseen."""

    products: np.ndarray
    seen: np.ndarray
    expected: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class DiversionModel:
    """All that turns facts of a day into diversion ratios. `own` holds a product's own events by its number in the lines, `kin`
    is the weight by which what is lost goes to products of the same type (`kin.fit_kin`).
    """

    choice: ChoiceModel
    recovery: Recovery
    doubt: ShareDoubt
    own: Mapping[int, OwnChoices]
    kin: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Scopes:
    """Parts of the chain by household: name, and for each of the lines' households whether it belongs (mask).

    A part needs `fewest_buyers` former buyers of a product, and keeps `per_product` replacements.
    """

    members: Mapping[str, np.ndarray]
    fewest_buyers: int
    per_product: int


@dataclass(frozen=True, slots=True, eq=False)
class _Pass:
    """One category on its way: matrices are dense here, since each row is read for every product that its household bought.

    `days_since` and `days_known` count from the latest and the first line (infinite and negative where there is none).
    """

    state: ShelfState
    first: int
    model: DiversionModel
    scopes: Scopes
    per_product: int
    household_part: np.ndarray
    taste: np.ndarray
    taken: np.ndarray
    days_since: np.ndarray
    days_known: np.ndarray

    @classmethod
    def of(cls, state: ShelfState, first: int, model: DiversionModel, scopes: Scopes, per_product: int) -> "_Pass":
        utility = model.choice.of_households(state, np.arange(state.households.size))
        taste, taken, last, oldest = (
            matrix.toarray().astype(np.float32) for matrix in (state.taste, state.taken, state.last, state.first)
        )
        since = np.where(last > 0, last - 1, np.inf).astype(np.float32)
        return cls(state, first, model, scopes, per_product, utility, taste, taken, since, oldest - 1)


@dataclass(frozen=True, slots=True, eq=False)
class _Replacements:
    """What replaces one missing product in one scope, before intervals: numbers in the lines, shares, baskets, and days."""

    missing: int
    sources: np.ndarray
    share: np.ndarray
    baskets: np.ndarray
    first_day: np.ndarray
    last_day: np.ndarray
    buyers: int
    known: float


def diversions(
    lines: CategoryLines,
    model: DiversionModel,
    category: int,
    *,
    day: int,
    scopes: Scopes,
    per_product: int,
    least: tuple[int, int],
) -> dict[str, Candidates]:
    """Return the strongest replacements of each product of a category by scope, the chain first.

    Positions are numbers of products in the lines. A product needs `least` (baskets, households) to be asked for; a replacement
    needs a basket of a former buyer. Events are those baskets, support the former buyers.

    Args:
        lines: up to `day` or later; later lines are not read.
        model: fitted on what was known on `day`.
        category: its place among the lines' categories.
        day: days since 1970-01-01.
        scopes: parts of the chain to be told apart, where they have enough buyers.
        per_product: how many replacements a product keeps in a scope.
        least: what a product needs.
    """
    shelf = lines.shelf(category)
    # a relation that lasts: at usual prices and rates of sale, without the chance of the last weeks
    state = shelf_state(shelf, day).as_usual()
    households = np.diff(state.taken.tocsc().indptr)
    asked = np.flatnonzero((state.baskets >= least[0]) & (households >= least[1]))
    if not asked.size or state.products.size < 2:
        return {}
    part = _Pass.of(state, shelf.first, model, scopes, per_product)
    found: dict[str, list[_Replacements]] = {}
    for at in range(0, asked.size, BLOCK):
        block = asked[at : at + BLOCK]
        for scope, replacements in _block(part, block):
            if replacements.sources.size:
                found.setdefault(scope, []).append(replacements)
    return {scope: _estimated(model, of_products) for scope, of_products in found.items()}


def listed_share(
    choice: ChoiceModel,
    state: ShelfState,
    missing: int,
    buyers: np.ndarray,
    kin: float = 0.0,
    pairs: np.ndarray | None = None,
) -> np.ndarray:
    """Return the shares of some buyers' lost purchases as `diversions` would tell them (float64, by product).

    Args:
        choice: the model.
        state: the category at usual rates (`ShelfState.as_usual`).
        missing: place of the missing product.
        buyers: places of households.
        kin: as `DiversionModel` has it; 0 gives the shares of first choices.
        pairs: products x `PAIR_FEATURES` of the missing product, where they are at hand.
    """
    if pairs is None:
        pairs = pair_features(state, np.array([missing]))[0]
    possible = _possible(state, missing, pairs[:, SAME_TYPE])
    if not possible.any():
        return np.zeros(possible.size)
    weight = np.asarray(state.taste[buyers][:, [missing]].toarray()).reshape(-1) + LEAST_WEIGHT
    # leaving alternatives out keeps the odds of the others: a logit's own property
    share = weight @ _replacing(choice.predict(state, missing, buyers, pairs) * possible, _apart(state, pairs)) / weight.sum()
    return towards_kin(share.astype(np.float64), pairs[:, SAME_TYPE], kin)


def _possible(state: ShelfState, missing: int, same_type: np.ndarray) -> np.ndarray:
    """Return what can take a product's place: what sold within 13 weeks, and where names stand for categories is of like name."""
    possible = state.sold_long > 0
    if state.by_name:
        possible &= same_type > 0
    possible[missing] = False
    return np.asarray(possible)


def _apart(state: ShelfState, pairs: np.ndarray) -> np.ndarray:
    """Return how far each product is taken in place of the missing one; where names stand for categories, their likeness says
    how far the two are of one kind.
    """
    return np.asarray(pairs[:, APART] * (pairs[:, SAME_TYPE] if state.by_name else 1.0))


def _replacing(chance: np.ndarray, apart: np.ndarray) -> np.ndarray:
    """Return each buyer's chances of what replaces, summing to 1: what is taken along with the product comes again anyway."""
    replacing = chance * apart
    replacing /= np.maximum(replacing.sum(axis=1, keepdims=True), np.finfo(np.float32).tiny)
    return np.asarray(replacing)


def _block(part: _Pass, block: np.ndarray) -> Iterator[tuple[str, _Replacements]]:
    choice = part.model.choice
    pairs = pair_features(part.state, block)
    linear = part.household_part.mean(axis=0)[None, :] + choice.linear_of_pairs(pairs)
    of_pairs = choice.of_pairs(pairs, _largest(linear, WORTH_TREES))
    for row, missing in enumerate(block):
        yield from _of_product(part, int(missing), of_pairs[row], pairs[row])


def _of_product(part: _Pass, missing: int, of_pairs: np.ndarray, pairs: np.ndarray) -> Iterator[tuple[str, _Replacements]]:
    same_type = pairs[:, SAME_TYPE]
    buyers = part.state.buyers(missing, BUYER_BASKETS)
    possible = _possible(part.state, missing, same_type)
    if not buyers.size or not possible.any():
        return
    taste, taken = part.taste[buyers], part.taken[buyers]
    # leaving alternatives out keeps the odds of the others: a logit's own property
    utility = np.where(possible, part.household_part[buyers] + of_pairs, np.float32(-np.inf))
    never = (taken == 0).astype(np.float32)
    chance = part.model.choice.probabilities(utility, missing, loyalty_of(taste, missing), same_type, never)
    names, inside = _scopes_of(part, buyers)
    weight = inside * (taste[:, missing] + LEAST_WEIGHT)
    replacing = _replacing(chance, _apart(part.state, pairs))
    # row by row: of one product for all, the last digits of a scope would depend on how many there are
    shares = np.array([row @ replacing / row.sum() for row in weight])
    baskets = inside @ taken
    counts = inside.sum(axis=1).astype(np.int64)
    known = known_of(counts)
    whole = towards_kin(shares[0].astype(np.float64), same_type, part.model.kin)
    for row, name in enumerate(names):
        theirs, share = buyers, whole
        if row:
            own = towards_kin(shares[row].astype(np.float64), same_type, part.model.kin)
            theirs, share = buyers[inside[row] > 0], own * known[row] + whole * (1 - known[row])
        most = part.scopes.per_product if row else part.per_product
        yield name, _strongest(part, missing, theirs, (share, baskets[row]), float(known[row]), most)


def _scopes_of(part: _Pass, buyers: np.ndarray) -> tuple[list[str], np.ndarray]:
    """Return the chain and the parts of it that have enough of the buyers, and who belongs (ones, scopes x buyers)."""
    names, rows = [CHAIN], [np.ones(buyers.size, dtype=bool)]
    households = part.state.households[buyers]
    for name, member in part.scopes.members.items():
        inside = member[households]
        if part.scopes.fewest_buyers <= int(inside.sum()) < buyers.size:
            names.append(name)
            rows.append(inside)
    return names, np.array(rows, dtype=np.float32)


def _strongest(
    part: _Pass, missing: int, buyers: np.ndarray, told: tuple[np.ndarray, np.ndarray], known: float, per_product: int
) -> _Replacements:
    """Return the replacements with the largest shares that a buyer has taken at least once; `told`: shares and baskets."""
    (share, baskets), state = told, part.state
    possible = np.flatnonzero((baskets > 0) & (share >= LEAST_SHARE) & (np.arange(share.size) != missing))
    kept = np.sort(possible[np.argsort(-share[possible], kind="stable")[:per_product]])
    at = np.ix_(buyers, kept)
    return _Replacements(
        int(part.first + state.products[missing]),
        part.first + state.products[kept],
        share[kept],
        baskets[kept].astype(np.int64),
        (state.day - part.days_known[at].max(axis=0, initial=0)).astype(np.int64),
        (state.day - part.days_since[at].min(axis=0, initial=np.inf)).astype(np.int64),
        buyers.size,
        known,
    )


def _estimated(model: DiversionModel, found: Sequence[_Replacements]) -> Candidates:
    """Return replacements with their diversion ratios and intervals. Each product has one or more."""
    size = np.array([one.sources.size for one in found])
    share, sources, baskets, first_day, last_day = (
        np.concatenate([getattr(one, name) for one in found]) for name in ("share", "sources", "baskets", "first_day", "last_day")
    )
    missing, buyers, known, tried = (
        np.repeat(of_each, size)
        for of_each in (
            [one.missing for one in found],
            [one.buyers for one in found],
            [one.known for one in found],
            [one.missing in model.own for one in found],
        )
    )
    seen, expected = np.concatenate([_own(model, one.missing, one.sources) for one in found], axis=1)
    estimate = model.doubt.estimate(share, model.recovery, seen, expected, known)
    start = np.cumsum(size) - size
    told, most = np.add.reduceat(estimate.value, start), np.add.reduceat(share, start) * model.recovery.share
    # what own events add to one replacement they take from others, those that are not kept included
    over = told > most
    if over.any():
        estimate = estimate.times(np.repeat(np.where(over, most / np.maximum(told, most), 1.0), size))
    return Candidates(sources, missing, estimate, baskets, buyers, first_day, last_day, tried)


def _own(model: DiversionModel, missing: int, kept: np.ndarray) -> np.ndarray:
    """Return how often each was taken in the missing product's own events, and how often that was foreseen (2 x kept)."""
    own = model.own.get(missing)
    if own is None:
        return np.zeros((2, kept.size))
    place = np.minimum(np.searchsorted(own.products, kept), own.products.size - 1)
    found = own.products[place] == kept
    return np.where(found, np.stack([own.seen[place], own.expected[place]]), 0.0)


def _largest(values: np.ndarray, count: int) -> np.ndarray:
    """Return a mask of the `count` largest values of each row."""
    if values.shape[1] <= count:
        return np.ones(values.shape, dtype=bool)
    bound = np.partition(values, -count, axis=1)[:, [-count]]
    return np.asarray(values >= bound)


def joined(parts: list[Candidates]) -> Candidates:
    """Return the candidates of all parts, in order."""
    columns = ("source", "target", "events", "support", "first_day", "last_day", "tried")
    joined = {name: np.concatenate([getattr(part, name) for part in parts]) for name in columns}
    estimate = Estimate(*(np.concatenate([getattr(part.estimate, name) for part in parts]) for name in ("value", "low", "high")))
    return Candidates(estimate=estimate, **joined)
