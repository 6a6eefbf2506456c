"""Which products of a set to drop so that the least is lost: greedily, or exactly by a mixed integer programme.

Under the chain of `flows`, what a set keeps is what the chain meets of it before it leaves. For demand that is the coverage of
random walks, monotone and submodular, so that dropping one by one is good but not always best; for margins it need not be either.
So every choice comes with a bound that no choice can beat: of optimal stopping, and for demand of what supermodular losses can
change by exchanges. Sources: Blanchet, Gallego and Goyal, A Markov chain approximation to choice modeling, 2016 (optimal
stopping); Désir, Goyal, Segev and Ye, Constrained assortment optimization under the Markov chain-based choice model, 2020 (that
the number of products makes it hard).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.linalg import block_diag
from scipy.optimize import Bounds, LinearConstraint, milp

__all__ = [
    "Chain",
    "Choice",
    "Chosen",
    "Solved",
    "choose",
    "greedy",
    "least_by_exchange",
    "least_by_stopping",
    "loss_of",
    "solved",
]

EXACT_PRODUCTS = 40
"""So many products are chosen among exactly: more take the solver minutes."""
NODES = 5000
"""Of the solver's tree: a limit by the clock would not give the same answer twice."""
TOLERANCE = 1e-6
ROUNDS = 10_000


@dataclass(frozen=True, slots=True, eq=False)
class Chain:
    """Products of one group of stores: what each sells (n), where demand goes on among them (n x n), and the value that a unit
    which comes to one that is dropped has with products that stay in any case (n).
    """

    units: np.ndarray
    passes: np.ndarray
    kept_anyway: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """What is chosen among: a chain by group of stores, and what a unit of each product is worth (1, or its margin).

    `equal` says that all units are worth the same: what is lost is then supermodular in what is dropped.
    """

    chains: Sequence[Chain]
    value: np.ndarray
    equal: bool

    @property
    def size(self) -> int:
        """How many products there are."""
        return int(self.value.size)


@dataclass(frozen=True, slots=True, eq=False)
class Chosen:
    """Places of the products to drop in their order, what each adds to the loss, the loss, and the least that is possible."""

    order: np.ndarray
    costs: np.ndarray
    loss: float
    least: float
    optimal: bool
    method: str


def choose(choice: Choice, count: int, advance: Callable[[], None] = lambda: None) -> Chosen:
    """Return `count` products to drop, 1 to size - 1. `advance` is told of each step of the greedy way."""
    order, costs = greedy(choice, count, advance)
    loss, method, proven = loss_of(choice, order), "greedy", False
    least = least_by_stopping(choice, count)
    if choice.equal:
        least = max(least, least_by_exchange(choice, order))
    if choice.size <= EXACT_PRODUCTS:
        found = solved(choice, count)
        if found is not None:
            least, proven, method = max(least, found.least), found.proven, "exact" if found.proven else "greedy"
            better = loss_of(choice, found.dropped) < loss - TOLERANCE * max(abs(loss), 1.0)
            if better:
                order, costs = _in_order(choice, found.dropped)
                loss = loss_of(choice, order)
    close = loss - least <= TOLERANCE * max(abs(loss), 1.0)
    return Chosen(order, costs, loss, loss if proven else min(least, loss), bool(proven or close), method)


def loss_of(choice: Choice, dropped: np.ndarray) -> float:
    """Return what is lost in value when these products are dropped."""
    kept = np.ones(choice.size, dtype=bool)
    kept[dropped] = False
    lost = 0.0
    for chain in choice.chains:
        inner = np.eye(dropped.size) - chain.passes[np.ix_(dropped, dropped)].T
        visits = np.linalg.solve(inner, chain.units[dropped]) if dropped.size else np.zeros(0)
        saved = chain.passes[dropped] @ (choice.value * kept) + chain.kept_anyway[dropped]
        lost += float(chain.units[dropped] @ choice.value[dropped] - visits @ saved)
    return lost


def greedy(choice: Choice, count: int, advance: Callable[[], None] = lambda: None) -> tuple[np.ndarray, np.ndarray]:
    """Return products in the order of dropping the one that adds least, and what each adds; ties go to the first.

    A product that is dropped is eliminated from the chain: what came to it goes on to where it passes on (n² a step).
    """
    states = [(chain.units.copy(), chain.passes.copy(), chain.kept_anyway.copy()) for chain in choice.chains]
    kept = np.ones(choice.size, dtype=bool)
    order, costs = np.zeros(count, dtype=np.int64), np.zeros(count)
    for step in range(count):
        cost = sum(_cost(state, choice.value) for state in states)
        at = int(np.argmin(np.where(kept, cost, np.inf)))
        order[step], costs[step], kept[at] = at, float(np.asarray(cost)[at]), False
        for state in states:
            _eliminate(state, at)
        advance()
    return order, costs


def least_by_stopping(choice: Choice, count: int) -> float:
    """Return what dropping so many loses at least: each unit of what is dropped keeps at most what it would if everything that
    helps it were kept, and only that (optimal stopping of the chain).
    """
    cost = np.zeros(choice.size)
    for chain in choice.chains:
        kept = chain.kept_anyway.copy()
        for _ in range(ROUNDS):
            following = chain.kept_anyway + chain.passes @ np.maximum(choice.value, kept)
            done = np.max(np.abs(following - kept), initial=0.0) < 1e-12
            kept = following
            if done:
                break
        cost += chain.units * (choice.value - kept)
    return float(np.sort(cost)[:count].sum())


def least_by_exchange(choice: Choice, dropped: np.ndarray) -> float:
    """Return what dropping as many loses at least, where what is lost is supermodular.

    Any other choice exchanges some of these for some that are kept: it saves at most what each of the former adds to all of them
    now, and adds at least what each of the latter loses when it goes alone.
    """
    alone, saved, lost = np.zeros(choice.size), np.zeros(dropped.size), 0.0
    for chain in choice.chains:
        alone += chain.units * (choice.value - chain.passes @ choice.value - chain.kept_anyway)
        kept = choice.value.copy()
        kept[dropped] = 0.0
        inverse = np.linalg.inv(np.eye(dropped.size) - chain.passes[np.ix_(dropped, dropped)])
        leaves = choice.value[dropped] - inverse @ (chain.passes[dropped] @ kept + chain.kept_anyway[dropped])
        # units that ever come to a product: its visits over those of one that starts there
        saved += (chain.units[dropped] @ inverse) / np.diag(inverse) * leaves
        lost += float(chain.units[dropped] @ leaves)
    others = np.sort(np.delete(alone, dropped))[: dropped.size]
    change = np.cumsum(others - np.sort(saved)[::-1][: others.size])
    return lost + min(0.0, float(change.min(initial=0.0)))


@dataclass(frozen=True, slots=True, eq=False)
class Solved:
    """Products to drop, what any choice loses at least, and whether the solver has proven it."""

    dropped: np.ndarray
    least: float
    proven: bool


def solved(choice: Choice, count: int) -> Solved | None:
    """Return the best choice by a mixed integer programme; None where the solver found none.

    Variables by group: units that are met (kept) and that pass on (dropped) at each product; and which are dropped.
    """
    size, groups = choice.size, len(choice.chains)
    most = [np.linalg.solve(np.eye(size) - chain.passes.T, chain.units) for chain in choice.chains]
    units = np.concatenate([chain.units for chain in choice.chains])
    none, number = np.full(2 * size * groups, -np.inf), np.array([float(count)])
    low = np.concatenate([units, none, number])
    high = np.concatenate([units, *most, np.zeros(size * groups), number])
    rows = sparse.vstack([_balance(choice), *_switches(most, size)]).tocsr()
    gains = [np.concatenate([choice.value, chain.kept_anyway]) for chain in choice.chains]
    whole = np.concatenate([np.zeros(2 * size * groups), np.ones(size)])
    found = milp(
        -np.concatenate([*gains, np.zeros(size)]),
        integrality=whole,
        bounds=Bounds(0, np.where(whole > 0, 1.0, np.inf)),
        constraints=LinearConstraint(rows, low, high),
        # with presolve the solver writes remarks to the standard output, whatever it is told
        options={"node_limit": NODES, "mip_rel_gap": 0.0, "presolve": False},
    )
    if found.x is None:
        return None
    total = sum(float(chain.units @ choice.value) for chain in choice.chains)
    dropped = np.sort(np.argsort(-found.x[-size:], kind="stable")[:count])
    # what the solver calls a bound may lie above the truth by its tolerance
    least = total + float(found.mip_dual_bound) - TOLERANCE * max(abs(total), 1.0)
    return Solved(dropped, least, bool(found.status == 0))


def _in_order(choice: Choice, dropped: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return products in the order in which each adds least, and what each adds."""
    order: list[int] = []
    costs, before = [], 0.0
    while len(order) < dropped.size:
        left = [one for one in dropped.tolist() if one not in order]
        after = [loss_of(choice, np.array([*order, one])) for one in left]
        at = int(np.argmin(after))
        order.append(left[at])
        costs.append(after[at] - before)
        before = after[at]
    return np.array(order, dtype=np.int64), np.array(costs)


def _balance(choice: Choice) -> sparse.csr_array:
    """Return, by group and product: what is met and what passes on is what comes."""
    size, groups = choice.size, len(choice.chains)
    blocks = [np.hstack([np.eye(size), np.eye(size) - chain.passes.T]) for chain in choice.chains]
    return sparse.csr_array(np.hstack([block_diag(*blocks), np.zeros((size * groups, size))]))


def _switches(most: Sequence[np.ndarray], size: int) -> tuple[sparse.csr_array, ...]:
    """Return: what is dropped meets nothing; what is kept passes nothing on; so many are dropped."""
    of_all = np.vstack([np.diag(one) for one in most])
    nothing, one = np.zeros((size, size)), np.eye(size)
    met = block_diag(*[np.hstack([one, nothing]) for _ in most])
    passed = block_diag(*[np.hstack([nothing, one]) for _ in most])
    counted = np.concatenate([np.zeros(2 * size * len(most)), np.ones(size)])[None, :]
    parts = (np.hstack([met, of_all]), np.hstack([passed, -of_all]), counted)
    return tuple(sparse.csr_array(part) for part in parts)


_State = tuple[np.ndarray, np.ndarray, np.ndarray]


def _cost(state: _State, value: np.ndarray) -> np.ndarray:
    units, passes, anyway = state
    loop = np.diag(passes)
    saved = (passes @ value - loop * value + anyway) / (1 - loop)
    return np.asarray(units * (value - saved))


def _eliminate(state: _State, at: int) -> None:
    units, passes, anyway = state
    on = passes[at] / (1 - passes[at, at])
    on[at] = 0.0
    came = passes[:, at].copy()
    came[at] = 0.0
    passes += came[:, None] * on[None, :]
    anyway += came * anyway[at] / (1 - passes[at, at])
    units += units[at] * on
    units[at] = 0.0
    passes[at], passes[:, at] = 0.0, 0.0
