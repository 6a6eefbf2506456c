"""A clock that stands where a test puts it."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta


@dataclass
class MovedClock:
    """Noon of the first of January 2018, until it is moved."""

    at: datetime = datetime(2018, 1, 1, 12, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at

    def pass_seconds(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)
