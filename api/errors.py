"""ApiError
├── BodyTooLarge             the request's body is larger than what is read
├── BodyUnreadable           the body is no JSON object of the kind that is expected
├── MediaTypeRefused         the body has a content type or an encoding that is not read
├── QueryRefused             the GraphQL document breaks a limit, cannot be parsed or does not fit the schema
├── ArgumentInvalid          an argument is outside of what is allowed
├── CursorInvalid            the cursor was not given out by this service for this list
├── CursorOfAnotherVersion   the cursor belongs to another version of the graph
├── ExposureTokenInvalid     the exposure token was not given out by this installation, or not to whoever sends it
├── ExposureTokenExpired     the exposure was too long ago to report on
├── OutcomesUnavailable      this server was opened without a book of outcomes
├── ChartsBusy               as many charts wait to be drawn as may
├── ReplayImpossible         a logged decision cannot be computed again
├── PlanningUnavailable      this server was opened without the planners' books
├── EventsUnavailable        this server was opened without the book of online events
├── EventsMisshapen          the body is no list of 1 to 1,000 events
└── JobKindUnknown           there is no such kind of job
"""

from collections.abc import Sequence
from datetime import date

from kit.errors import ShelfgraphError

__all__ = [
    "ApiError",
    "ArgumentInvalid",
    "BodyTooLarge",
    "BodyUnreadable",
    "ChartsBusy",
    "CursorInvalid",
    "CursorOfAnotherVersion",
    "EventsMisshapen",
    "EventsUnavailable",
    "ExposureTokenExpired",
    "ExposureTokenInvalid",
    "JobKindUnknown",
    "MediaTypeRefused",
    "OutcomesUnavailable",
    "PlanningUnavailable",
    "QueryRefused",
    "ReplayImpossible",
]


class ApiError(ShelfgraphError):
    """A request that cannot be answered as it was made."""


class BodyTooLarge(ApiError):
    """The request's body is larger than what is read."""

    def __init__(self, allowed_bytes: int) -> None:
        self.allowed_bytes = allowed_bytes
        super().__init__(f"The body is larger than {allowed_bytes} bytes.", "Send less, and pass values as variables.")


class BodyUnreadable(ApiError):
    """The body is no JSON object of the kind that is expected."""

    def __init__(self, problem: str) -> None:
        super().__init__(f"The body cannot be read: {problem}.", 'Send JSON such as {"query": "{ health { status } }"}.')


class MediaTypeRefused(ApiError):
    """The body has a content type or an encoding that is not read."""

    def __init__(self, problem: str) -> None:
        super().__init__(f"The body is refused: {problem}.", "Send application/json without compression.")


class QueryRefused(ApiError):
    """The GraphQL document breaks a limit, cannot be parsed or does not fit the schema."""

    def __init__(self, code: str, problem: str, remedy: str) -> None:
        self.code = code
        super().__init__(problem, remedy)


class ArgumentInvalid(ApiError):
    """An argument is outside of what is allowed."""

    def __init__(self, argument: str, allowed: str) -> None:
        self.argument = argument
        super().__init__(f"The argument '{argument}' is not {allowed}.", "Change it and ask again.")


class CursorInvalid(ApiError):
    """The cursor was not given out by this service for this list."""

    def __init__(self) -> None:
        super().__init__("The cursor is not one of this list.", "Start again without `after`.")


class CursorOfAnotherVersion(ApiError):
    """The cursor belongs to another version of the graph."""

    def __init__(self, cursor_version: str, served_version: str) -> None:
        self.cursor_version = cursor_version
        self.served_version = served_version
        super().__init__(
            f"The cursor belongs to graph version '{cursor_version}', '{served_version}' is served now.",
            "Start again without `after`: the list may have changed.",
        )


class ExposureTokenInvalid(ApiError):
    """The exposure token was not given out by this installation, or not to whoever sends it."""

    def __init__(self) -> None:
        super().__init__(
            "The exposure token is none that was given to you.", "Send the `token` of a recommendation back as it came, whole."
        )


class ExposureTokenExpired(ApiError):
    """The exposure was too long ago to report on."""

    def __init__(self, issued_on: date, days: int) -> None:
        self.issued_on = issued_on
        self.days = days
        super().__init__(
            f"The exposure of {issued_on} is more than {days} days ago.", "Report sooner, or raise SHELFGRAPH_EXPOSURE_DAYS."
        )


class OutcomesUnavailable(ApiError):
    """This server was opened without a book of outcomes."""

    def __init__(self) -> None:
        super().__init__("This server keeps no outcomes.", "Start it with `shelfgraph serve`.")


class ChartsBusy(ApiError):
    """As many charts wait to be drawn as may."""

    def __init__(self, waiting: int) -> None:
        self.waiting = waiting
        super().__init__(f"{waiting} charts wait to be drawn, and no more may.", "Ask again in a few seconds.")


class ReplayImpossible(ApiError):
    """A logged decision cannot be computed again."""

    def __init__(self, decision_id: str, problem: str) -> None:
        self.decision_id = decision_id
        super().__init__(f"Decision '{decision_id[:80]}' cannot be replayed: {problem}.", "Restore the release it was made on.")


class PlanningUnavailable(ApiError):
    """This server was opened without the planners' books."""

    def __init__(self) -> None:
        super().__init__("This server keeps no scenarios, overrides or jobs.", "Start it with `shelfgraph serve`.")


class JobKindUnknown(ApiError):
    """There is no such kind of job."""

    def __init__(self, kind: str, kinds: Sequence[str]) -> None:
        self.kind = kind
        self.kinds = tuple(kinds)
        super().__init__(f"There is no kind of job '{kind[:80]}'.", f"Choose one of: {', '.join(kinds)}.")


class EventsUnavailable(ApiError):
    """This server was opened without the book of online events."""

    def __init__(self) -> None:
        super().__init__(
            "This server takes no events: its home holds no retailer's facts.",
            "Load them with `shelfgraph ingest run`, then start it with `shelfgraph serve`.",
        )


class EventsMisshapen(ApiError):
    """The body is no list of 1 to 1,000 events."""

    def __init__(self, most: int) -> None:
        self.most = most
        super().__init__(f"The body is no JSON list of 1 to {most:,} events.", "Send `[{...}, ...]`, more in several requests.")
