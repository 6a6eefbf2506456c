"""Explanations that cite what a score was measured to rest on; what else moved it is told as factors."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from decisions.envelope import ExplanationPath, Hop
from decisions.recommend.contract import Factor, RecommendationExplanation
from decisions.recommend.explain import Explainer
from decisions.recommend.fidelity import NOTHING, Deletion, scores_without
from decisions.recommend.ranking import Ranked, Ranking
from features.recommend_transform import GROUPS, HouseholdKnowledge
from features.repertoire import IntArray

__all__ = ["FACTOR_WORDS", "explain_list"]

LEAST_DROP = 1e-9
"""A score that falls by less has not moved: sums of floats differ by as much."""
FACTOR_WORDS = {
    "habit": "how the household shops",
    "rhythm": "how often products of this kind are bought",
    "popularity": "how well the product sells",
    "promotion": "what is promoted this week, and what is not",
    "relations": "what the basket and the latest purchases say in sum",
}


@dataclass(frozen=True, slots=True)
class _Reason:
    """A path that may be cited: whose group it shows, and what to take away to measure it."""

    row: int
    group: int
    hops: tuple[Hop, ...]
    deletion: Deletion


def explain_list(
    explainer: Explainer,
    ranking: Ranking,
    ranked: Ranked,
    asked: tuple[HouseholdKnowledge, IntArray],
    *,
    rows: tuple[int, int],
    base: float,
) -> list[RecommendationExplanation]:
    """Explain the rows `[first, last)` of one household's list, each of them measured.

    A path is cited where its group speaks for the product and the score falls without its edges; the strongest fall comes
    first. All else is a factor, so that both together sum to the score less `base`.

    Args:
        explainer: of the household.
        ranking: what ordered the list.
        ranked: the list.
        asked: the household as origin 0 in the store of the request, and the products in hand.
        rows: the first row, and the one after the last.
        base: what every score starts from.
    """
    reasons = [reason for row in range(*rows) for reason in _reasons(explainer, ranking, ranked, row)]
    left = scores_without(ranking, *asked, [reason.deletion for reason in reasons])
    cited: dict[int, list[tuple[float, _Reason]]] = {row: [] for row in range(*rows)}
    for reason, score in zip(reasons, left.tolist(), strict=True):
        drop = float(ranked.score[reason.row]) - score
        if drop > LEAST_DROP:
            cited[reason.row].append((drop, reason))
    fidelity = _fidelity(ranking, ranked, cited, asked, base)
    return [
        _told(explainer.sentence(ranked, row), ranked, row, [one for _, one in _strongest(cited[row])], fidelity.get(row))
        for row in range(*rows)
    ]


def _strongest(found: list[tuple[float, _Reason]]) -> list[tuple[float, _Reason]]:
    return sorted(found, key=lambda one: (-one[0], one[1].group))


def _reasons(explainer: Explainer, ranking: Ranking, ranked: Ranked, row: int) -> list[_Reason]:
    found, product = explainer.paths(ranked, row), int(ranked.product[row])
    own = ranking.features.knowledge.own
    alike = int(own.key[ranked.alike[row]] % own.items) if ranked.alike[row] >= 0 else NOTHING
    deletions = {
        "habit": Deletion(product, own=True),
        "rhythm": Deletion(product, alike=alike),
        "relations": Deletion(product, relation=int(ranked.relation[row]), entry=int(ranked.entry[row])),
        "promotion": Deletion(product, promotion=True),
    }
    return [
        _Reason(row, group, found[name], deletions[name])
        for group, name in enumerate(GROUPS)
        if name in deletions and found[name] and ranked.brought[row, group] > 0
    ]


def _fidelity(
    ranking: Ranking,
    ranked: Ranked,
    cited: dict[int, list[tuple[float, _Reason]]],
    asked: tuple[HouseholdKnowledge, IntArray],
    base: float,
) -> dict[int, float]:
    """Return, by row, the share of the score above `base` that goes without all cited edges."""
    joint = {row: _joined([one.deletion for _, one in found]) for row, found in cited.items() if found}
    left = scores_without(ranking, *asked, list(joint.values()))
    score = ranked.score[np.array(list(joint), dtype=np.int64)]
    rows = zip(joint, score.tolist(), left.tolist(), strict=True)
    return {row: (now - then) / (now - base) for row, now, then in rows if now > base}


def _joined(deletions: Sequence[Deletion]) -> Deletion:
    whole = deletions[0]
    for one in deletions[1:]:
        whole = whole.joined(one)
    return whole


def _told(text: str, ranked: Ranked, row: int, cited: Sequence[_Reason], fidelity: float | None) -> RecommendationExplanation:
    brought = ranked.brought[row].tolist()
    shown = {one.group for one in cited}
    paths = tuple(ExplanationPath(one.hops, brought[one.group]) for one in cited)
    factors = [
        Factor(name, FACTOR_WORDS[name], brought[group])
        for group, name in enumerate(GROUPS)
        if group not in shown and brought[group]
    ]
    return RecommendationExplanation(text, paths, tuple(sorted(factors, key=lambda one: -abs(one.contribution))), fidelity)
