"""Too many at once: those beyond the bound are told to come back, those let in are answered, and so is who looks after it."""

import asyncio

import pytest

from api.backlog import LONGEST_PAUSE_SECONDS, REFUSALS_PER_SECOND, Backlog
from api.border import Border
from api.metrics import Metrics

MOST = 3


class Waiting:
    """An application that answers when it is let."""

    def __init__(self):
        self.may = asyncio.Event()

    async def __call__(self, scope, receive, send):
        if scope["path"] != "/health":
            await self.may.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"{}"})


async def asked(wrapped, path="/graphql"):
    sent = []

    async def send(message):
        sent.append(message)

    await wrapped({"type": "http", "method": "POST", "path": path, "headers": [(b"host", b"localhost")]}, None, send)
    return sent[0]["status"], dict(sent[0]["headers"]), sent[1]["body"]


@pytest.mark.asyncio
async def test_beyond_the_bound_one_is_told_to_come_back_and_then_is_answered(monkeypatch):
    app, metrics = Waiting(), Metrics()
    wrapped = Border(app, metrics, ("localhost",), Backlog(MOST))
    let_in = [asyncio.create_task(asked(wrapped)) for _ in range(MOST)]
    await asyncio.sleep(0)
    refused = await asyncio.gather(*(asked(wrapped) for _ in range(5)))
    assert {status for status, _, _ in refused} == {503}
    assert all(headers[b"retry-after"] == b"1" and b"OVERLOADED" in body for _, headers, body in refused)
    assert (await asked(wrapped, "/health"))[0] == 200
    app.may.set()
    assert [status for status, _, _ in await asyncio.gather(*let_in)] == [200] * MOST
    assert (await asked(wrapped))[0] == 200
    assert b'shelfgraph_refused_total{code="OVERLOADED"} 5.0' in metrics.exposition()


@pytest.mark.asyncio
async def test_what_fails_or_is_given_up_makes_room(monkeypatch):
    app = Waiting()
    wrapped = Border(app, Metrics(), ("localhost",), Backlog(1))
    given_up = asyncio.create_task(asked(wrapped))
    await asyncio.sleep(0)
    given_up.cancel()
    await asyncio.gather(given_up, return_exceptions=True)
    app.may.set()
    assert (await asked(wrapped))[0] == 200


def test_refusals_have_their_turns_and_nobody_is_held_for_long(monkeypatch):
    now = 1000.0
    monkeypatch.setattr("api.backlog.time.monotonic", lambda: now)
    backlog = Backlog(MOST)
    assert backlog.pause() == 0
    turn = 1 / REFUSALS_PER_SECOND
    assert [backlog.pause() for _ in range(3)] == pytest.approx([turn, 2 * turn, 3 * turn])
    assert max(backlog.pause() for _ in range(2 * int(LONGEST_PAUSE_SECONDS / turn))) == pytest.approx(LONGEST_PAUSE_SECONDS)
    now += 60
    assert backlog.pause() == 0
