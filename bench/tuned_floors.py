"""The floors that learn from what users share, each with settings chosen on an earlier moment and never on what is judged.

Settings are searched one after the other: each takes the value of the best NDCG@10 while the others stay, beginning with the
published ones.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from scipy import sparse

from bench.basket_floors import Floor, tifu_knn, top_lists, up_cf
from bench.basket_floors_shared import als, bpr, ease, fastrp_knn, item_knn
from bench.baskets import Baskets, baskets_until
from bench.list_scores import list_scores
from decisions.recommend.examples import outcomes
from features.repertoire import FloatArray, IntArray, Origins, Purchases

__all__ = [
    "FLOORS",
    "Question",
    "Scores",
    "Settings",
    "chosen_settings",
    "question_at",
    "settings_text",
    "tuned_scores",
    "usual_settings",
]

LISTED = 20
ASKED = 600
"""So many users at most choose the settings."""
MOST_ITEMS = 6000
"""The best sold items that `item_knn` knows: all pairs of them in two seconds."""
FADING = 0.9
SEED = 7

Settings = Mapping[str, Mapping[str, Any]]
Scores = Mapping[str, FloatArray]


@dataclass(frozen=True, slots=True)
class Question:
    """What is known, whose next baskets are asked for, and what they held (one row per user asked for, all items).

    Only items of `least_baskets` are ranked. On the demo data what fewer than three held is half of the numbers and 3 % of what
    is bought, and ranking it would take as long again.
    """

    known: Baskets
    users: IntArray
    wanted: sparse.csr_array
    least_baskets: int = 1

    def some(self, most: int) -> "Question":
        """Return the question to so many users at most, spread over all."""
        rows = np.unique(np.linspace(0, len(self.users) - 1, min(most, len(self.users))).astype(np.int64))
        return replace(self, users=self.users[rows], wanted=self.wanted[rows])


@dataclass(frozen=True, slots=True)
class _System:
    """How a floor learns, and what each of its settings may be, the published or usual value first."""

    fit: Callable[..., Floor]
    choices: Mapping[str, tuple[Any, ...]]

    @property
    def usual(self) -> dict[str, Any]:
        return {name: values[0] for name, values in self.choices.items()}


def _of_weights(fit: Callable[..., Floor], baskets: Baskets, *, weights: str, **settings: Any) -> Floor:
    matrices: dict[str, Callable[[], sparse.csr_array]] = {
        "bought": baskets.bought,
        "baskets": baskets.counts,
        "fading": partial(baskets.weighted, FADING ** baskets.age_of_basket.astype(np.float64)),
    }
    return fit(matrices[weights](), **settings)


WEIGHTS = ("bought", "baskets", "fading")
FLOORS: Mapping[str, _System] = {
    "tifu_knn": _System(
        tifu_knn, {"group_decay": (0.7, 0.9), "own_share": (0.7, 0.9, 0.5), "groups": (7, 14), "neighbours": (300,)}
    ),
    "up_cf": _System(up_cf, {"recency": (25, 100), "locality": (5, 10), "asymmetry": (0.25,)}),
    "item_knn": _System(partial(_of_weights, partial(item_knn, most_items=MOST_ITEMS)), {"weights": WEIGHTS}),
    "ease": _System(partial(_of_weights, ease), {"weights": WEIGHTS, "regularization": (500.0,)}),
    "als": _System(partial(_of_weights, partial(als, rounds=10, seed=SEED)), {"weights": WEIGHTS, "alpha": (10.0,)}),
    "bpr": _System(partial(_of_weights, partial(bpr, rounds=5, seed=SEED)), {"weights": ("bought",)}),
    "fastrp_knn": _System(partial(_of_weights, partial(fastrp_knn, seed=SEED)), {"weights": WEIGHTS, "neighbours": (20, 100)}),
}
"""`weights` says what a user's items weigh: each once, by their baskets, or by these with older ones fading."""


def usual_settings() -> Settings:
    """Return what each floor begins with."""
    return {name: system.usual for name, system in FLOORS.items()}


def known_before(purchases: Purchases, day: int) -> IntArray:
    """Return per household the position of its first basket on or after a day, in all baskets."""
    earlier = purchases.basket_household[purchases.basket_day < day]
    return purchases.household_start[:-1] + np.bincount(earlier, minlength=len(purchases.household_start) - 1)


def question_at(purchases: Purchases, origins: Origins, until: IntArray, least_baskets: int = 1) -> Question:
    """Ask for a lake's baskets at `origins`: known is what each household bought before, of others the baskets before `until`."""
    known = until.copy()
    known[origins.household] = origins.until
    held = outcomes(purchases, origins)
    shape = (len(origins), purchases.products.items)
    wanted = sparse.csr_array((np.ones(len(held.product)), (held.origin, held.product)), shape=shape)
    return Question(baskets_until(purchases, known), origins.household, wanted, least_baskets)


def chosen_settings(earlier: Question, advance: Callable[[], object] = lambda: None) -> Settings:
    """Return the settings of each floor that answer an earlier question best."""
    question = earlier.some(ASKED)
    chosen = {}
    for name, system in FLOORS.items():
        chosen[name] = _searched(system, question)
        advance()
    return chosen


def _searched(system: _System, question: Question) -> dict[str, Any]:
    best = system.usual
    quality = _ndcg(system, best, question)
    for name, values in system.choices.items():
        for value in values[1:]:
            trial = {**best, name: value}
            found = _ndcg(system, trial, question)
            if found > quality:
                best, quality = trial, found
    return best


def _ndcg(system: _System, settings: Mapping[str, Any], question: Question) -> float:
    return float(_asked(system, settings, question)["ndcg@10"].mean())


def tuned_scores(question: Question, settings: Settings, advance: Callable[[], object] = lambda: None) -> dict[str, Scores]:
    """Return per floor and metric one value per user asked for."""
    found = {}
    for name, system in FLOORS.items():
        found[name] = _asked(system, settings[name], question)
        advance()
    return found


def _asked(system: _System, settings: Mapping[str, Any], question: Question) -> Scores:
    kept = np.flatnonzero(np.bincount(question.known.item, minlength=question.known.items) >= question.least_baskets)
    floor = system.fit(question.known.of_items(kept), **settings)
    length = min(LISTED, len(kept))
    return list_scores(kept[top_lists(floor, question.users, length)], question.wanted)


def settings_text(settings: Settings) -> Iterator[str]:
    """Yield a remark per floor that says what was chosen."""
    for name, values in settings.items():
        yield f"{name}: {', '.join(f'{setting} {value}' for setting, value in values.items())}"
