"""Where charts are drawn: beside the event loop, one at a time, and no more than a few may wait.

matplotlib is imported with the first chart. It takes seconds, and 120 MB after some charts: a server that draws none need not
pay for it.
"""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from api.charts.contract import Chart
from api.charts.page import page_of
from api.charts.telling import told_of
from api.errors import ChartsBusy

__all__ = ["FORMS", "MEDIA_TYPES", "DrawingRoom", "drawn"]

MEDIA_TYPES = {"svg": "image/svg+xml", "png": "image/png", "html": "text/html; charset=utf-8"}
FORMS = tuple(MEDIA_TYPES)
MOST_WAITING = 16
"""At a quarter of a second each nobody waits much longer than four; whoever comes then is told to come again."""


def drawn(chart: Chart, form: str, *remarks: str) -> bytes:
    """Return a chart as `svg`, `png` or `html`; a page ends with the remarks. The same chart gives the same bytes."""
    from api.charts.pictures import picture  # noqa: PLC0415 - imports matplotlib, which starting a server must not

    return page_of(told_of(chart), picture(chart, "svg"), remarks) if form == "html" else picture(chart, form)


class DrawingRoom:
    """One thread for drawing, with a queue that ends. A second thread would wait: matplotlib's settings are the process's."""

    def __init__(self, most_waiting: int = MOST_WAITING) -> None:
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="charts")
        self._most_waiting = most_waiting
        self._taken = 0

    @contextmanager
    def place(self) -> Iterator[None]:
        """Take a place in the queue, before anything is decided. To be called in the event loop. Raises: ChartsBusy."""
        if self._taken >= self._most_waiting:
            raise ChartsBusy(self._most_waiting)
        self._taken += 1
        try:
            yield
        finally:
            self._taken -= 1

    async def drawn(self, chart: Chart, form: str, *remarks: str) -> bytes:
        """Return what `drawn` returns, made in the thread."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, drawn, chart, form, *remarks)

    def close(self) -> None:
        """End the thread; charts that still wait are not drawn."""
        self._pool.shutdown(wait=False, cancel_futures=True)
