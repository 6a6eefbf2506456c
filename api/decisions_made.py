"""Making decisions and writing them down: every kind of decision in one table, one desk per request.

The desk computes an answer through the room that owns it, gives it an id and a header, and keeps its log entry. The
transport awaits `make_durable` before anything leaves.
"""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any

from api.fast_bytes import fast_canonical_bytes
from api.kept import KeptAnswer, KeptAnswers
from api.planning.evaluating import compared, overridden
from api.services import DecisionBook, Services
from decisions.envelope import DecisionHeader
from decisions.forecast.contract import ForecastRequest
from decisions.overrides.contract import OverriddenRequest
from decisions.recommend.contract import PageRequest, RecommendationRequest, WhyNotRequest
from decisions.relations.compare import DiffRequest
from decisions.relations.contract import RelatedRequest
from decisions.relations.measured import QualityRequest
from decisions.relations.why import WhyRequest
from decisions.scenarios.contract import ComparisonRequest
from decisions.substitution.contract import AssortmentRequest, DelistRequest
from governance.policy import Operation, Principal, policy_digest, require
from governance.records.ports import DecisionEntry
from kit.errors import ShelfgraphError
from kit.ids import ordered_id
from kit.restored import restored

__all__ = [
    "KINDS",
    "DecisionDesk",
    "DecisionKind",
    "Made",
    "Refused",
    "answer_bytes",
    "compute",
    "kind_of_relation",
    "request_of",
]


KEPT_HEADERS = 256
"""Headers of one release differ in kind and degradation alone."""
HEADER_BYTES = 512
"""What a header weighs beside its bytes, which equal ones share."""


@dataclass(frozen=True, slots=True)
class DecisionKind:
    """One kind of decision: its request, the operation of the policy, the model's name in a release, and who computes it."""

    request_type: type
    operation: Operation
    model: str
    compute: Callable[[Services, Any], Any]
    kept: bool = False
    """Whether the room gives the same object for the same request, so that what is made of it is worth keeping."""


_RELATED = DecisionKind(RelatedRequest, Operation.READ_RELATIONS, "relations", lambda s, r: s.relations.related(r), kept=True)

KINDS: Mapping[str, DecisionKind] = {
    "substitutes": _RELATED,
    "complements": _RELATED,
    "bought_with": _RELATED,
    "recommendations": DecisionKind(
        RecommendationRequest, Operation.RECOMMEND, "recommend", lambda s, r: s.recommender.recommend(r), kept=True
    ),
    "recommendation_page": DecisionKind(
        PageRequest, Operation.RECOMMEND, "recommend", lambda s, r: s.recommender.page(r), kept=True
    ),
    "why_not_recommended": DecisionKind(WhyNotRequest, Operation.RECOMMEND, "recommend", lambda s, r: s.recommender.why_not(r)),
    "why_related": DecisionKind(WhyRequest, Operation.READ_RELATIONS, "relations", lambda s, r: s.relations.why(r)),
    "graph_diff": DecisionKind(DiffRequest, Operation.READ_RELATIONS, "relations", lambda s, r: s.relations.compare(r)),
    "relation_quality": DecisionKind(QualityRequest, Operation.READ_RELATIONS, "relations", lambda s, r: s.relations.quality(r)),
    "forecast": DecisionKind(ForecastRequest, Operation.FORECAST, "forecast", lambda s, r: s.forecaster.forecast(r)),
    "scenario_comparison": DecisionKind(ComparisonRequest, Operation.FORECAST, "forecast", compared),
    "overridden_forecast": DecisionKind(OverriddenRequest, Operation.FORECAST, "forecast", overridden),
    "delist_what_if": DecisionKind(DelistRequest, Operation.PLAN_ASSORTMENT, "substitution", lambda s, r: s.what_ifs.delist(r)),
    "assortment_proposal": DecisionKind(
        AssortmentRequest, Operation.PLAN_ASSORTMENT, "substitution", lambda s, r: s.what_ifs.propose(r)
    ),
}
RELATIONS = {"isSubstituteFor": "substitutes", "isComplementTo": "complements", "isBoughtWith": "bought_with"}


@dataclass(frozen=True, slots=True)
class Refused:
    """A business outcome that is an answer of its own, such as too little evidence: logged and replayed like one."""

    outcome: str
    problem: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Made:
    """One decision: what the log will hold, and the answer as the room gave it."""

    id: str
    header: DecisionHeader
    recorded_at: datetime
    request: Any
    answer: Any
    entry: DecisionEntry
    kept: KeptAnswer

    @property
    def repeatable(self) -> bool:
        """Whether asking the room again is to look the answer up: of relations, whose graph never changes."""
        return isinstance(self.request, RelatedRequest)


def kind_of_relation(relation: str) -> str:
    """Return the kind of decision that answers a relation."""
    return RELATIONS[relation]


def compute(services: Services, kind: str, request: Any, logged_refusals: tuple[type[ShelfgraphError], ...]) -> Any:
    """Return the room's answer, or `Refused` for a refusal that counts as an answer. Other errors pass through."""
    try:
        return KINDS[kind].compute(services, request)
    except logged_refusals as error:
        return Refused(type(error).__name__, error.problem, error.remedy)


def answer_bytes(answer: Any) -> bytes:
    """Return the bytes of an answer as the log keeps them and a replay compares them."""
    return fast_canonical_bytes(answer)


def _awaited(written: Future[str], loop: asyncio.AbstractEventLoop) -> asyncio.Future[str]:
    """Return what can be awaited of a future of the log, which whoever stops waiting for does not cancel.

    `asyncio.wrap_future` would also pass cancelling on, which the log does not take.
    """
    waiting: asyncio.Future[str] = loop.create_future()

    def settle() -> None:
        if waiting.done():
            return
        error = written.exception()
        if error is None:
            waiting.set_result(written.result())
        else:
            waiting.set_exception(error)

    def tell(_: Future[str]) -> None:
        with suppress(RuntimeError):  # the loop has ended, and nobody waits
            loop.call_soon_threadsafe(settle)

    written.add_done_callback(tell)
    return waiting


@lru_cache(KEPT_HEADERS)
def _header_bytes(header: DecisionHeader) -> bytes:
    return fast_canonical_bytes(header)


def request_of(kind: str, content: bytes) -> Any:
    """Return the request that was logged."""
    return restored(KINDS[kind].request_type, json.loads(content))


@dataclass(slots=True)
class DecisionDesk:
    """Makes the decisions of one request. The same question twice in a request is one decision.

    Args:
        services: the pinned release.
        log: where decisions are written.
        principal: who asks; checked here for every decision, also where no root field stands before it.
        logged_refusals: errors that are answers.
        kept: what was made of answers before.
    """

    services: Services
    log: DecisionBook
    principal: Principal
    logged_refusals: tuple[type[ShelfgraphError], ...]
    kept: KeptAnswers
    _made: dict[tuple[str, Any], Made] = field(default_factory=dict)
    _unwritten: list[DecisionEntry] = field(default_factory=list)
    _written: list[str] = field(default_factory=list)

    def decide(self, kind: str, request: Any) -> Made:
        """Return the decision on a request. Raises: NotAuthorised, and the errors of the room that computes it."""
        require(self.principal, KINDS[kind].operation)
        if getattr(request, "household_id", None) is not None:
            require(self.principal, Operation.RECOMMEND_FOR_HOUSEHOLD)
        known = self._made.get((kind, request))
        if known is None:
            known = self._make(kind, request, compute(self.services, kind, request, self.logged_refusals))
        return known

    def decide_related(self, kind: str, requests: Sequence[RelatedRequest]) -> list[Made]:
        """Return one decision per request, their answers computed together. Raises: as `decide`."""
        require(self.principal, KINDS[kind].operation)
        new = [request for request in dict.fromkeys(requests) if (kind, request) not in self._made]
        for request, answer in zip(new, self.services.relations.related_many(new) if new else (), strict=True):
            self._make(kind, request, answer)
        return [self._made[kind, request] for request in requests]

    def made(self) -> tuple[Made, ...]:
        """Return the decisions of this request, in the order in which they were made."""
        return tuple(self._made.values())

    async def make_durable(self) -> list[str]:
        """Return the kinds of all decisions of this request when they are on disk. Raises: DecisionLogUnavailable."""
        entries, self._unwritten = self._unwritten, []
        loop = asyncio.get_running_loop()
        written = [_awaited(self.log.submit(entry), loop) for entry in entries]
        if len(written) == 1:
            await written[0]
        elif written:
            await asyncio.gather(*written)
        kinds, self._written = [*self._written, *(entry.kind for entry in entries)], []
        return kinds

    def write_now(self) -> None:
        """Wait until what was decided so far is on disk, before a record names it. Raises: DecisionLogUnavailable."""
        entries, self._unwritten = self._unwritten, []
        for written in [self.log.submit(entry) for entry in entries]:
            written.result()
        self._written += [entry.kind for entry in entries]

    def _make(self, kind: str, request: Any, answer: Any) -> Made:
        kept = self.kept.of(answer) if KINDS[kind].kept else self.kept.once(answer)
        header, header_bytes = kept.part(("header", kind), lambda: self._header(kind, answer), HEADER_BYTES)
        decision_id, recorded_at = ordered_id("dec"), self.services.clock.now()
        entry = DecisionEntry(
            decision_id, kind, recorded_at, self.principal.name, header.release_id,
            header_bytes, fast_canonical_bytes(request), kept.content,
        )  # fmt: skip
        self._unwritten.append(entry)
        made = self._made[kind, request] = Made(decision_id, header, recorded_at, request, answer, entry, kept)
        return made

    def _header(self, kind: str, answer: Any) -> tuple[DecisionHeader, bytes]:
        """Return the header of an answer, and its bytes: of the release, the kind and the answer alone."""
        services, version = self.services, self.services.graph.version
        header = DecisionHeader(
            kind=kind,
            as_of=getattr(answer, "as_of", version.as_of),
            served_from=services.served_from,
            release_id=services.release.id,
            graph_version=version.id,
            ontology_version=version.ontology_version,
            feature_snapshot=services.release.feature_snapshot,
            model_version=services.release.models.get(KINDS[kind].model, "none"),
            policy_digest=policy_digest(),
            freshness=services.freshness,
            degraded=getattr(answer, "degraded", None),
        )
        return header, _header_bytes(header)
