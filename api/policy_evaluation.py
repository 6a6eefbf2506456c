"""What other policies would have earned, by the decision log and the outcomes: the join, and the policies that can be named.

A logged list is answered again on its own release, as the other policy would have, and held against what was shown. A policy here
draws nothing, so at each place it shows one product for certain: what it may show that the log could not is refused, not guessed.
"""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import numpy as np

from api.decisions_made import request_of
from api.errors import ArgumentInvalid
from api.services import Services
from decisions.recommend.contract import RecommendationRequest, RecommendedProduct
from decisions.recommend.errors import InsufficientEvidence, RecommendationError
from decisions.recommend.logged_places import Alternatives, LoggedPlaces
from decisions.recommend.off_policy import Evaluation, evaluate
from governance.records import DecisionEntry, DecisionLog, Outcome, OutcomeBook, OutcomeKind

__all__ = ["POLICIES", "REWARDS", "PolicyReport", "evaluate_policies"]

KIND = "recommendations"
SHARE = re.compile(r"discovery_share=([01](?:\.\d{1,6})?)", re.ASCII)
POLICIES = ("served", "no_exploration", "popularity", "discovery_share=SHARE")
REWARDS = ("clicked", "added_to_cart", "purchased", "value")
Change = Callable[[RecommendationRequest], RecommendationRequest]


@dataclass(frozen=True, slots=True)
class PolicyReport:
    """What one policy would have earned per list, or why that cannot be said. `left_out` counts decisions by the reason."""

    policy: str
    reward: str
    evaluation: Evaluation | None
    refused: str
    left_out: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class _Shown:
    """One logged list that was reported as shown, and what each of its places brought."""

    entry: DecisionEntry
    items: tuple[Mapping[str, Any], ...]
    rewards: tuple[float, ...]

    @property
    def request(self) -> RecommendationRequest:
        asked: RecommendationRequest = request_of(self.entry.kind, self.entry.request)
        return asked


@dataclass(frozen=True, slots=True)
class _Compared:
    """A logged list beside what the other policy shows in its place; None: the policy is the one that was served."""

    shown: _Shown
    other: tuple[RecommendedProduct, ...] | None


def evaluate_policies(
    policies: Sequence[str],
    reward: str,
    *,
    book: OutcomeBook,
    log: DecisionLog,
    open_services: Callable[[str], Services],
    limit: int,
) -> list[PolicyReport]:
    """Return one report per policy, over the last `limit` decisions that have outcomes.

    Args:
        policies: `served`, `no_exploration`, `popularity` or `discovery_share=0.3`.
        reward: what counts: a kind of outcome, 1 where a place had one, or `value`, what was paid for it.
        book: where outcomes are kept.
        log: where the decisions are.
        open_services: opens a release by its id.
        limit: at most so many decisions.

    Raises:
        ArgumentInvalid: there is no such policy or reward.
        DecisionDamaged, DecisionUnknown, ReleaseUnknown: the log or a release is not whole.
    """
    if reward not in REWARDS:
        raise ArgumentInvalid("reward", f"one of {', '.join(REWARDS)}")
    changes = {policy: _change(policy) for policy in policies}
    lists, left_out = _lists(book, log, reward, limit)
    return [_report(policy, change, reward, lists, left_out, open_services) for policy, change in changes.items()]


def _change(policy: str) -> Change | None:
    """Return how a policy asks instead; None: it is the one that was served."""
    share = SHARE.fullmatch(policy)
    if share:
        return lambda asked: replace(asked, discovery_share=float(share[1]), exploration=0)
    if policy == "no_exploration":
        return lambda asked: replace(asked, exploration=0)
    if policy == "popularity":
        # without a household, a basket and a visit, what sells is all there is to answer
        return lambda asked: replace(asked, household_id=None, basket=(), session_id=None, exploration=0)
    if policy != "served":
        raise ArgumentInvalid("policy", f"one of {', '.join(POLICIES)}, such as discovery_share=0.3")
    return None


def _lists(book: OutcomeBook, log: DecisionLog, reward: str, limit: int) -> tuple[list[_Shown], Counter[str]]:
    lists: list[_Shown] = []
    left_out: Counter[str] = Counter()
    for decision_id in book.decisions()[-limit:]:
        entry, outcomes = log.get(decision_id), list(book.of_decisions([decision_id]))
        items = tuple(json.loads(entry.answer).get("items", ())) if entry.kind == KIND else ()
        if not items:
            left_out["no list of recommendations"] += 1
        elif not any(one.draft.kind is OutcomeKind.SHOWN for one in outcomes):
            left_out["not reported as shown"] += 1
        else:
            by_product = _rewards(outcomes, reward)
            lists.append(_Shown(entry, items, tuple(by_product.get(str(item["product_id"]), 0.0) for item in items)))
    return lists, left_out


def _rewards(outcomes: Iterable[Outcome], reward: str) -> dict[str, float]:
    """Return what each product brought; told twice it counts once."""
    found: dict[str, float] = defaultdict(float)
    for one in outcomes:
        kind, product = one.draft.kind, one.draft.product_id
        if reward == "value" and kind is OutcomeKind.PURCHASED:
            found[product] = max(found[product], one.draft.value or 0.0)
        elif kind == reward:
            found[product] = 1.0
    return found


def _report(
    policy: str, change: Change | None, reward: str, lists: Sequence[_Shown], left_out: Mapping[str, int],
    open_services: Callable[[str], Services],
) -> PolicyReport:  # fmt: skip
    counted = Counter(left_out)
    compared = list(_answered(lists, change, open_services, counted))
    told, refused = None, ""
    try:
        told = evaluate(_places(compared), policy=policy) if compared else None
        refused = "" if compared else "No list was reported as shown. Record outcomes of the kind `shown` first."
    except InsufficientEvidence as error:
        refused = str(error)
    return PolicyReport(policy, reward, told, refused, tuple(sorted(counted.items())))


def _answered(
    lists: Sequence[_Shown], change: Change | None, open_services: Callable[[str], Services], left_out: Counter[str]
) -> Iterable[_Compared]:
    """Yield each list with what the policy shows instead, release by release."""
    if change is None:
        yield from (_Compared(one, None) for one in lists)
        return
    for one in sorted(lists, key=lambda one: one.entry.release_id):
        services = open_services(one.entry.release_id)
        try:
            yield _Compared(one, services.recommender.recommend(change(one.request)).items)
        except RecommendationError:
            left_out["not answered by the policy"] += 1


def _places(compared: Sequence[_Compared]) -> LoggedPlaces:
    rows = [_rows(one) for one in compared]
    lengths = [len(one.shown.items) for one in compared]
    propensity, target, reward = (np.concatenate([row[at] for row in rows]) for at in range(3))
    instead = list(chain.from_iterable(row[3] for row in rows))
    there = np.flatnonzero([one is not None for one in instead])
    features = np.stack([_features(item, place) for one in compared for place, item in enumerate(one.shown.items)])
    place = np.concatenate([np.arange(length) for length in lengths])
    chance = np.ones(len(there))
    same = target[there] > 0
    other = [_features(told, int(place[at])) for at in there if (told := instead[at]) is not None]
    return LoggedPlaces(
        np.repeat(np.arange(len(compared)), lengths), place, propensity, target, reward, features,
        Alternatives(there, chance, np.where(same, propensity[there], np.nan), np.array(other).reshape(len(there), -1)),
        _clusters(compared),
    )  # fmt: skip


def _rows(one: _Compared) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[Mapping[str, Any] | None]]:
    """Return propensities, the policy's chances, rewards, and what the policy shows at each place, None where nothing."""
    items = one.shown.items
    propensity = np.array([float(item["propensity"]) for item in items])
    rewards = np.array(one.shown.rewards)
    if one.other is None:
        # what was served may have shown others too; what it did show stands for them, as it was drawn with their chances
        return propensity, propensity, rewards, list(items)
    instead = [_told(one.other[at]) if at < len(one.other) else None for at in range(len(items))]
    same = [told is not None and told["product_id"] == item["product_id"] for told, item in zip(instead, items, strict=True)]
    return propensity, np.array(same, dtype=np.float64), rewards, instead


def _told(item: RecommendedProduct) -> Mapping[str, Any]:
    return {"product_id": item.product_id, "score": item.score, "kind": item.kind, "p_accept": item.p_accept}


def _features(item: Mapping[str, Any], place: int) -> np.ndarray:
    """Return what the model of rewards sees: the place, and the score among those of its own kind."""
    score, kind = float(item["score"]), item["kind"]
    habit, discovery = float(kind == "habit"), float(kind == "discovery")
    return np.array([1.0 / (place + 1.0), habit, discovery, habit * score, discovery * score, float(item.get("p_accept") or 0.0)])


def _clusters(compared: Sequence[_Compared]) -> np.ndarray:
    """Number lists by whose they are: a household's, else a visit's, else each its own."""
    asked = [one.shown.request for one in compared]
    whose = [
        request.household_id or request.session_id or one.shown.entry.id for request, one in zip(asked, compared, strict=True)
    ]
    return np.unique(whose, return_inverse=True)[1]
