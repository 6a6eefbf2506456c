"""Explanations of ranked products: every factor that moved the score, and the paths whose facts it was measured to rest on."""

from collections.abc import Sequence

from decisions.envelope import Hop
from decisions.recommend.contract import RecommendationExplanation, RecommendationPath
from decisions.recommend.explain import Explainer
from decisions.recommend.factors import factors_of
from decisions.recommend.fidelity import LEAST_FALL, REASONS, Falls
from decisions.recommend.ranking import Ranked
from features.recommend_transform import GROUPS

__all__ = ["explain_row"]


def explain_row(explainer: Explainer, ranked: Ranked, row: int, falls: Falls, base: float) -> RecommendationExplanation:
    """Explain one row: the path that falls deepest first, factors by what they brought, for or against.

    Args:
        explainer: of the household.
        ranked: the list.
        row: of the list.
        falls: what was measured of the list.
        base: what every score starts from.
    """
    brought = ranked.moved.brought[row].tolist()
    cited = sorted((-fall, place) for place, fall in enumerate(falls.alone[row].tolist()) if fall > LEAST_FALL)
    found = [(REASONS[place], -fall, explainer.path(REASONS[place], ranked, row)) for fall, place in cited]
    paths = [_path(hops, reason, brought, fall) for reason, fall, hops in found if hops]
    factors = factors_of(ranked.moved, row)
    lead = paths[0].factor if paths else next((one.name for one in factors if one.contribution > 0), "")
    text = explainer.sentence(ranked, row, lead)
    # what was measured together is what is cited together, or it says nothing
    fall = float(falls.together[row]) if paths and len(paths) == len(cited) else None
    above = float(ranked.score[row]) - base
    return RecommendationExplanation(text, tuple(paths), factors, fall, None if fall is None or above <= 0 else fall / above)


def _path(hops: tuple[Hop, ...], reason: str, brought: Sequence[float], fall: float) -> RecommendationPath:
    return RecommendationPath(hops, brought[GROUPS.index(reason)], reason, fall)
