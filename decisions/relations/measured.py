"""Questions about the back-test of the served relations, and their answers."""

from dataclasses import dataclass
from datetime import date

from decisions.relations.errors import LimitOutOfRange, QualityNotMeasured
from decisions.relations.quality import EventOutcome, QualityFigure, RelationQuality

__all__ = ["MOST_FIGURES", "OutcomePlace", "QualityAnswer", "QualityRequest", "quality_answer"]

MOST_FIGURES = 200
LARGEST_LIMIT = 101
SERVED_SYSTEM = "shelfgraph"


@dataclass(frozen=True, slots=True)
class OutcomePlace:
    """After which event a page goes on, in the order of the list."""

    day: date
    event_id: str


@dataclass(frozen=True, slots=True)
class QualityRequest:
    """How good one relation is.

    Args:
        relation: such as isSubstituteFor.
        category: the id of a category; None: over all, and each.
        metric, system: only figures of these; None: all.
        limit: how many past events, 1 to 101.
        after: the event that a page follows.
    """

    relation: str
    category: str | None = None
    metric: str | None = None
    system: str | None = None
    limit: int = 10
    after: OutcomePlace | None = None


@dataclass(frozen=True, slots=True)
class QualityAnswer:
    """What was measured before the release was published.

    `figures` are at most 200: those over all categories first, then by category, metric, slice and system, ours before the
    floors; `figures_total` says how many there are. `events` are the latest first; of `events_total`, `covered` lie in the
    interval that was given. `categories` are those with figures or events of their own. `pictures` are names.
    """

    relation: str
    category: str | None
    as_of: date
    model_version: str
    protocol: str
    figures: tuple[QualityFigure, ...]
    figures_total: int
    events: tuple[EventOutcome, ...]
    events_total: int
    covered: int
    categories: tuple[str, ...]
    pictures: tuple[str, ...]


def quality_answer(quality: RelationQuality, request: QualityRequest) -> QualityAnswer:
    """Return what a back-test says to a request. Raises: LimitOutOfRange, QualityNotMeasured."""
    if not 1 <= request.limit <= LARGEST_LIMIT:
        raise LimitOutOfRange(request.limit, LARGEST_LIMIT - 1)
    figures = [one for one in quality.figures if one.relation == request.relation]
    events = [one for one in quality.events if one.relation == request.relation]
    named = {one.category for one in figures} | {one.category for one in events}
    categories = tuple(sorted(category for category in named if category is not None))
    if not figures and not events:
        raise QualityNotMeasured(f"the relation {request.relation}")
    if request.category is not None:
        if request.category not in categories:
            raise QualityNotMeasured(f"the category '{request.category[:80]}'", categories)
        figures = [one for one in figures if one.category == request.category]
        events = [one for one in events if one.category == request.category]
    shown = sorted((one for one in figures if _asked_for(one, request)), key=_figure_order)
    listed = sorted(events, key=_event_order)
    following = [one for one in listed if request.after is None or _event_order(one) > _place_order(request.after)]
    return QualityAnswer(
        relation=request.relation,
        category=request.category,
        as_of=quality.as_of,
        model_version=quality.model_version,
        protocol=quality.protocol,
        figures=tuple(shown[:MOST_FIGURES]),
        figures_total=len(shown),
        events=tuple(following[: request.limit]),
        events_total=len(listed),
        covered=sum(one.covered for one in listed),
        categories=categories,
        pictures=tuple(name for name in quality.pictures if name.partition(".")[0] == request.relation),
    )


def _asked_for(figure: QualityFigure, request: QualityRequest) -> bool:
    wanted = ((request.metric, figure.metric), (request.system, figure.system))
    return all(asked in (None, held) for asked, held in wanted)


def _figure_order(figure: QualityFigure) -> tuple[str, str, str, bool, str]:
    return figure.category or "", figure.metric, figure.slice, figure.system != SERVED_SYSTEM, figure.system


def _event_order(event: EventOutcome) -> tuple[int, str]:
    return -event.day.toordinal(), event.event_id


def _place_order(place: OutcomePlace) -> tuple[int, str]:
    return -place.day.toordinal(), place.event_id
