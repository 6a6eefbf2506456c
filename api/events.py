"""The desk that takes online events: judged, durable, and part of this process's facts before the answer leaves."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from decisions.recommend.online import Overlay
from governance.records import SqliteEventBook
from ingest.online_events import EventIntake
from pipeline.online_events import TakenEvents, outcomes

__all__ = ["EventDesk"]

SMALL = 8
"""Up to here a batch is judged where it is: handing it to a thread would cost more."""


@dataclass(frozen=True, slots=True)
class EventDesk:
    """Takes events for one home. Other processes of the home see them through their own overlays."""

    intake: EventIntake
    book: SqliteEventBook
    overlay: Overlay

    async def take(self, told: Sequence[object]) -> TakenEvents:
        """Return what became of each event; those accepted are on disk and in the facts. Raises: BookUnavailable."""
        judge = self.intake.judge
        judged = judge(told) if len(told) <= SMALL else await asyncio.to_thread(judge, told)
        receipts = await asyncio.wrap_future(self.book.submit(judged.batch))
        await asyncio.to_thread(self.overlay.catch_up)
        return outcomes(judged, receipts)

    def close(self) -> None:
        """Stop following the book, keep what was handed in, and release it."""
        self.overlay.close()
        self.book.close()
