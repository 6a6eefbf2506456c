"""Explanations of recommendations: whether the score falls without what they cite, and what the cited paths are like.

1,000 answers of the served release over its surfaces. `shelfgraph` deletes what each suggestion cites; `random_deletion` as many
facts of the same kinds, drawn with equal chances; `popularity_explanation` the most popular ones. Slice `exact`: the household's
lists once more, with the purchases' lines taken out of the facts and all figures computed again from what is left.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from bench.explanations_exact import Case, Lines
from bench.explanations_foils import Foils
from bench.frame import Bench, BenchContext, BenchRow
from decisions.envelope import ExplanationPath
from decisions.recommend import RecommendationRequest, RecommendService
from decisions.recommend.contract import RecommendationAnswer, Surface
from decisions.recommend.deletion import Rescored
from decisions.recommend.model import MODEL_SYSTEM
from features import open_features
from features.repertoire import FloatArray
from kg.snapshot import Snapshot, open_snapshot
from pipeline.books import open_books
from pipeline.layout import HomeLayout

__all__ = ["ASKED", "BENCH", "measured_rows"]

SEED = 7
ANSWERS, QUICK_ANSWERS = 1_000, 80
EXACT_HOUSEHOLDS, QUICK_EXACT_HOUSEHOLDS = 200, 15
CASES_AT_ONCE = 300
BASKET = 3
BEST_SELLERS = 300
"""Baskets and items are drawn from what sells best."""
DRAWS = 1_000
QUALITIES = ("cited_share", "recency_days", "popularity_percentile", "diversity")
Asking = Callable[[str, Sequence[str]], RecommendationRequest]
ASKED: Mapping[str, Asking] = {
    "household": lambda household, _: RecommendationRequest(household_id=household),
    "with_discovery": lambda household, _: RecommendationRequest(household_id=household, discovery_share=0.1),
    "household_basket": lambda household, basket: RecommendationRequest(household_id=household, basket=tuple(basket)),
    "buy_again": lambda household, _: RecommendationRequest(household_id=household, surface=Surface.BUY_AGAIN),
    "discover": lambda household, _: RecommendationRequest(household_id=household, surface=Surface.DISCOVER),
    "rerank": lambda household, basket: RecommendationRequest(
        household_id=household, surface=Surface.RERANK, candidates=tuple(basket)
    ),
    "basket": lambda _, basket: RecommendationRequest(basket=tuple(basket), surface=Surface.BASKET),
    "item": lambda _, basket: RecommendationRequest(product_id=basket[0], surface=Surface.ITEM),
}


@dataclass(slots=True)
class _Measured:
    """What the answers of one slice gave: per answer the milliseconds, per suggestion by system what its deletion did."""

    milliseconds: list[float] = field(default_factory=list)
    answers: list[RecommendationAnswer] = field(default_factory=list)
    rescored: dict[str, list[list[Rescored]]] = field(default_factory=lambda: defaultdict(list))


def run(context: BenchContext) -> tuple[list[BenchRow], list[str]]:
    """Ask the served release on every surface and delete what it, chance and popularity cite."""
    began = time.perf_counter()
    count = QUICK_ANSWERS if context.quick else ANSWERS
    households = QUICK_EXACT_HOUSEHOLDS if context.quick else EXACT_HOUSEHOLDS
    rows = measured_rows(_served(context.home), context, count, households)
    rows.append(BenchRow(MODEL_SYSTEM, "seconds", "", time.perf_counter() - began))
    return rows, [
        f"{count} answers of ten, {len(ASKED)} slices",
        "fidelity: of the suggestions that cite something, those whose score falls when the cited facts are deleted",
        "random_deletion and popularity_explanation delete as many facts of the same kinds; intervals: 90 %, answers resampled",
        f"exact: {households} households; agreement: share of suggestions that fall in both, or in neither",
        "milliseconds are of answers that were not asked before, deletions measured for what is told included",
    ]


def measured_rows(service: RecommendService, context: BenchContext, count: int, households: int) -> list[BenchRow]:
    """Return the figures of about `count` answers of a service, and those of `households` whose lines are read again."""
    foils, rows = Foils(service.rescoring.shelf, SEED), list[BenchRow]()
    with context.progress.stage("Asking and deleting") as stage:
        for name, requests in _requests(service, count):
            stage.note(name)
            rows += _rows(name, _measured(service, foils, requests))
    with context.progress.stage("Reading purchases again without the lines"):
        return rows + _exact(service, context, households)


def _served(home: Path) -> RecommendService:
    """Raises: NothingReleased, SnapshotError, ArtefactDamaged, RecommendationArtefactError."""
    layout = HomeLayout(home)
    books = open_books(layout)
    release = books.releases.current()
    features = open_features(layout.features / release.feature_snapshot)
    graph: Snapshot = open_snapshot(layout.snapshots / release.graph_version)
    return RecommendService(graph, features, books.artefacts.get(release.models["recommend"]))


def _requests(service: RecommendService, count: int) -> Iterator[tuple[str, list[RecommendationRequest]]]:
    random, shelf = np.random.default_rng(SEED), service.rescoring.shelf
    households = sorted(shelf.household)
    products = shelf.features.product_ids.to_pylist()
    best = [products[place] for place in np.argsort(-shelf.popularity, kind="stable")[:BEST_SELLERS].tolist()]
    for name, asking in ASKED.items():
        chosen = random.choice(len(households), count // len(ASKED), replace=False).tolist()
        length = 12 if name == "rerank" else BASKET
        baskets = [[best[one] for one in random.choice(len(best), length, replace=False)] for _ in chosen]
        yield name, [asking(households[one], basket) for one, basket in zip(chosen, baskets, strict=True)]


def _measured(service: RecommendService, foils: Foils, requests: Sequence[RecommendationRequest]) -> _Measured:
    found = _Measured()
    for request in requests:
        began = time.perf_counter()
        answer = service.recommend(request)
        found.milliseconds.append(1000 * (time.perf_counter() - began))
        found.answers.append(answer)
        cited = {item.product_id: item.explanation.paths for item in answer.items if item.explanation.paths}
        found.rescored[MODEL_SYSTEM].append(list(service.deletion(request)))
        for system, instead in (("random_deletion", foils.random), ("popularity_explanation", foils.popular)):
            paths: dict[str, tuple[ExplanationPath, ...]] = {
                product: instead(request.household_id, of_product) for product, of_product in cited.items()
            }
            found.rescored[system].append(list(service.deletion(request, paths)))
    return found


def _rows(name: str, measured: _Measured) -> list[BenchRow]:
    rows: list[BenchRow] = []
    for system, rescored in measured.rescored.items():
        rows += _fidelity_rows(system, name, rescored)
    for quality in QUALITIES:
        values = [getattr(one.quality, quality) for one in measured.answers if one.quality is not None]
        known = np.array([value for value in values if value is not None], dtype=np.float64)
        if len(known):
            rows.append(BenchRow(MODEL_SYSTEM, quality, name, float(known.mean()), *_interval(known), n=len(known)))
    for metric, quantile in (("p50_ms", 0.5), ("p99_ms", 0.99)):
        value = float(np.quantile(measured.milliseconds, quantile))
        rows.append(BenchRow(MODEL_SYSTEM, metric, name, value, n=len(measured.milliseconds)))
    return rows


def _fidelity_rows(system: str, name: str, rescored: Sequence[Sequence[Rescored]]) -> list[BenchRow]:
    known = [[one for one in answer if one.left is not None] for answer in rescored]
    cited = np.array([len(answer) for answer in known], dtype=np.float64)
    fell = np.array([sum(one.left is not None and one.left < one.score for one in answer) for answer in known], dtype=np.float64)
    fall = np.array([sum(one.score - (one.left or 0.0) for one in answer) for answer in known], dtype=np.float64)
    if not cited.sum():
        return []
    parts = {"fidelity": fell, "mean_fall": fall}
    return [
        BenchRow(system, metric, name, float(part.sum() / cited.sum()), *_interval(part, cited), n=int(cited.sum()))
        for metric, part in parts.items()
    ]


def _interval(part: FloatArray, of: FloatArray | None = None) -> tuple[float, float]:
    """Return a 90 % bootstrap interval of the mean, or of the ratio of sums."""
    whole = np.ones(len(part)) if of is None else of
    drawn = np.random.default_rng(SEED).integers(0, len(part), (DRAWS, len(part)))
    ratios = part[drawn].sum(axis=1) / np.maximum(whole[drawn].sum(axis=1), 1e-12)
    low, high = np.quantile(ratios, (0.05, 0.95)).tolist()
    return float(low), float(high)


def _exact(service: RecommendService, context: BenchContext, households: int) -> list[BenchRow]:
    """Delete lines of the facts themselves, of what is cited by purchases alone."""
    random, shelf = np.random.default_rng(SEED), service.rescoring.shelf
    known = sorted(shelf.household)
    chosen = [known[one] for one in random.choice(len(known), min(households, len(known)), replace=False).tolist()]
    lines = Lines(context.lake, context.as_of, chosen)
    cases, again = _cases(service, chosen)
    products = np.array([shelf.product[one.product_id] for one in again], dtype=np.int64)
    left = np.concatenate([
        service.rescoring.scores(lines.knowledge(cases[first : first + CASES_AT_ONCE]), products[first : first + CASES_AT_ONCE])
        for first in range(0, len(cases), CASES_AT_ONCE)
    ])  # fmt: skip
    score, worked_out = (
        np.array(values, dtype=np.float64) for values in ([one.score for one in again], [one.left for one in again])
    )
    fell = (left < score).astype(np.float64)
    agree = (fell == (worked_out < score)).astype(np.float64)
    values = {"fidelity": fell, "mean_fall": score - left, "agreement": agree}
    return [
        BenchRow(MODEL_SYSTEM, metric, "exact", float(one.mean()), *_interval(one), n=len(one)) for metric, one in values.items()
    ]


def _cases(service: RecommendService, households: Sequence[str]) -> tuple[list[Case], list[Rescored]]:
    cases, again = list[Case](), list[Rescored]()
    shelf = service.rescoring.shelf
    for household in households:
        request = RecommendationRequest(household_id=household)
        store = int(shelf.features.knowledge.store[shelf.household[household]])
        for item, one in zip(service.recommend(request).items, service.deletion(request), strict=True):
            hops = [hop for path in item.explanation.paths for hop in path.hops]
            if hops and all(hop.relation in {"madeBy", "contains", "inCategory"} for hop in hops):
                bought = tuple(sorted({hop.target.id for hop in hops if hop.relation == "contains"}))
                cases.append(Case(household, bought, store))
                again.append(one)
    return cases, again


BENCH = Bench(
    name="explanations",
    claim="whether the score of a suggestion falls without what its explanation cites, and what the cited paths are like",
    run=run,
)
