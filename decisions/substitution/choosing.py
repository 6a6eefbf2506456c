"""Which products of a set to drop so that the least is lost: greedily, or exactly by branch and bound.

Under the chain of `flows`, what a set keeps is what the chain meets of it before it leaves. For demand that is the coverage of
random walks, monotone and submodular, so that dropping one by one is good but not always best; for margins it need not be either.
So every choice comes with a bound that no choice can beat: of optimal stopping, and for demand of what supermodular losses can
change by exchanges. A general solver (HiGHS) is not asked: without presolve it called choices best that were not, and with it it
writes to the standard output. Sources: Blanchet, Gallego and Goyal, A Markov chain approximation to choice modeling, 2016
(optimal stopping); Désir, Goyal, Segev and Ye, Constrained assortment optimization under the Markov chain-based choice model,
2020 (that the number of products makes it hard).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

__all__ = [
    "Best",
    "Chain",
    "Choice",
    "Chosen",
    "best",
    "choose",
    "greedy",
    "least_by_exchange",
    "least_by_stopping",
    "loss_of",
]

EXACT_PRODUCTS = 80
"""Among more, the exact way often does not end within its nodes."""
NODES = 5000
"""Of the tree: a limit by the clock would not give the same answer twice."""
TOLERANCE = 1e-9
ROUNDS = 10_000
ROUNDING = 1e-7
"""By so much a unit a bound by rounds is held lower: rounds come from below."""


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
        found = best(choice, order, loss)
        proven, method = found.proven, "exact" if found.proven else "greedy"
        if found.loss < loss:
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
    chains = list(choice.chains)
    kept = np.ones(choice.size, dtype=bool)
    order, costs = np.zeros(count, dtype=np.int64), np.zeros(count)
    for step in range(count):
        cost = sum(_cost(chain, choice.value) for chain in chains)
        at = int(np.argmin(np.where(kept, cost, np.inf)))
        order[step], costs[step], kept[at] = at, float(np.asarray(cost)[at]), False
        chains = [_eliminated(chain, at) for chain in chains]
        advance()
    return order, costs


def least_by_stopping(choice: Choice, count: int) -> float:
    """Return what dropping so many loses at least: each unit of what is dropped keeps at most what it would if everything that
    helps it were kept, and only that (optimal stopping of the chain).
    """
    return float(np.sort(_least_costs(choice.chains, choice.value))[:count].sum())


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
class Best:
    """Products to drop, their loss, and whether no choice of as many loses less; `nodes` is how large the tree was."""

    dropped: np.ndarray
    loss: float
    proven: bool
    nodes: int


def best(choice: Choice, start: np.ndarray, loss: float) -> Best:
    """Return the best choice of as many products as `start`, a choice with this loss that is to be beaten.

    Depth first, the cheapest first. A node has dropped some products, which are eliminated from its chains, and keeps those that
    its elder siblings dropped; what the others add at least (`_least_costs`) bounds what is below it.
    """
    dropped, nodes = np.sort(start), 0
    open_nodes = [_Node((), 0.0, np.ones(choice.size, dtype=bool), choice.chains)]
    while open_nodes and nodes < NODES:
        node = _without(open_nodes.pop())
        nodes += 1
        left = start.size - len(node.dropped)
        exact = np.asarray(sum(_cost(chain, choice.value) for chain in node.chains))
        if left == 1:
            at = int(np.argmin(np.where(node.free, exact, np.inf)))
            if node.loss + exact[at] < loss - TOLERANCE:
                dropped, loss = np.sort(np.array([*node.dropped, at])), float(node.loss + exact[at])
            continue
        least = exact if choice.equal else _least_costs(node.chains, choice.value)
        open_nodes += reversed(list(_children(node, exact, least, left, loss)))
    return Best(dropped, loss, not open_nodes, nodes)


@dataclass(frozen=True, slots=True, eq=False)
class _Node:
    """What is dropped, what that loses, what may still be dropped, and the chains without what is dropped.

    Until a node is looked at, its chains are those of the node above, which all below that share: most are never looked at.
    """

    dropped: tuple[int, ...]
    loss: float
    free: np.ndarray
    chains: Sequence[Chain]


def _without(node: _Node) -> _Node:
    """Return a node that is looked at: with its own chains."""
    return replace(node, chains=[_eliminated(chain, node.dropped[-1]) for chain in node.chains]) if node.dropped else node


def _children(node: _Node, exact: np.ndarray, least: np.ndarray, left: int, loss: float) -> Iterator[_Node]:
    """Yield the nodes below one that may hold a loss below `loss`, the cheapest first."""
    order = np.flatnonzero(node.free)[np.argsort(least[node.free], kind="stable")]
    bound = np.concatenate([[0.0], np.cumsum(least[order])])
    free = node.free.copy()
    for place, at in enumerate(order.tolist()):
        free[at] = False
        if place + left > order.size:
            return
        # this one, and the cheapest of those that follow it
        if node.loss + bound[place + left] - bound[place] >= loss - TOLERANCE:
            return
        yield _Node((*node.dropped, at), float(node.loss + exact[at]), free.copy(), node.chains)


def _least_costs(chains: Sequence[Chain], value: np.ndarray) -> np.ndarray:
    """Return what dropping each product adds at least, whatever else is dropped (optimal stopping of the chain)."""
    cost = np.zeros(value.size)
    for chain in chains:
        kept = chain.kept_anyway
        for _ in range(ROUNDS):
            following = chain.kept_anyway + chain.passes @ np.maximum(value, kept)
            done = np.max(np.abs(following - kept), initial=0.0) < TOLERANCE
            kept = following
            if done:
                break
        # what the last round may still be short of
        cost += chain.units * (value - kept - ROUNDING)
    return cost


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


def _cost(chain: Chain, value: np.ndarray) -> np.ndarray:
    """Return what dropping each product next adds."""
    loop = np.diag(chain.passes)
    saved = (chain.passes @ value - loop * value + chain.kept_anyway) / (1 - loop)
    return np.asarray(chain.units * (value - saved))


def _eliminated(chain: Chain, at: int) -> Chain:
    """Return a chain without one product: what comes to it goes on to where it passes on."""
    leaves = 1 - chain.passes[at, at]
    on, came = chain.passes[at] / leaves, chain.passes[:, at].copy()
    on[at] = came[at] = 0.0
    passes = chain.passes + came[:, None] * on[None, :]
    passes[at], passes[:, at] = 0.0, 0.0
    units = chain.units + chain.units[at] * on
    units[at] = 0.0
    return Chain(units, passes, chain.kept_anyway + came * chain.kept_anyway[at] / leaves)
