"""A real server over a real WebSocket: a job is followed while its worker is killed and another one ends it."""

import json
import os
import signal
import socket
import subprocess
import time
import urllib.request
from urllib.parse import urlsplit

import pytest
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, Ping, RejectConnection, Request, TextMessage

from api.settings import Settings
from api.wiring import Installation
from kit.progress import SilentProgress
from tests.full.conftest import Demo
from tests.tiny_retailer import build_tiny_lake

pytestmark = pytest.mark.full
START = """mutation($ids: [ID!]!, $key: String!) {
  jobStart(input: {scenarioComparison: {productIds: $ids}}, idempotencyKey: $key) {
    job { id stepsTotal } userErrors { message } } }"""
FOLLOW = "subscription($id: ID!) { jobProgress(id: $id) { ... on Job { status stepsDone stepsTotal resultDigest } } }"


class Socket:
    """A client of graphql-transport-ws over a plain socket."""

    def __init__(self, address, origin=None):
        place = urlsplit(address)
        self._socket = socket.create_connection((place.hostname, place.port), timeout=60)
        self._connection = WSConnection(ConnectionType.CLIENT)
        self._events = []
        headers = [(b"origin", origin.encode())] if origin else []
        asked = Request(host=place.netloc, target="/graphql", subprotocols=["graphql-transport-ws"], extra_headers=headers)
        self._socket.sendall(self._connection.send(asked))
        self.answered = self._event()

    def close(self):
        self._socket.close()

    def send(self, message):
        self._socket.sendall(self._connection.send(TextMessage(data=json.dumps(message))))

    def receive(self):
        event = self._event()
        while isinstance(event, Ping):
            self._socket.sendall(self._connection.send(event.response()))
            event = self._event()
        assert isinstance(event, TextMessage), event
        return json.loads(event.data)

    def _event(self):
        while not self._events:
            self._connection.receive_data(self._socket.recv(65536) or None)
            self._events.extend(self._connection.events())
        return self._events.pop(0)


def ask(address, query, **variables):
    body = json.dumps({"query": query, "variables": variables}).encode()
    request = urllib.request.Request(f"{address}/graphql", body, {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)["data"]


def workers_of(home):
    listed = subprocess.run(["ps", "-eww", "-o", "pid,args"], capture_output=True, text=True, check=True).stdout.splitlines()
    return [int(line.split()[0]) for line in listed if "api.planning.worker" in line and str(home) in line]


@pytest.fixture(scope="module")
def served(tmp_path_factory, project_root):
    home = tmp_path_factory.mktemp("followed")
    installation = Installation.open(Settings(home=home, threads=1, port=0))
    build_tiny_lake(installation.layout.lake)
    installation.build(SilentProgress())
    installation.train(SilentProgress())
    with Demo(home, "", project_root).served() as address:
        yield address, home


@pytest.mark.requirement("R-API-12")
def test_a_job_is_followed_over_the_death_of_its_worker(served):
    address, home = served
    started = ask(address, START, ids=["milk", "pasta", "bread", "soap"], key="followed")["jobStart"]
    assert started["userErrors"] == []
    follower = Socket(address)
    assert isinstance(follower.answered, AcceptConnection)
    assert follower.answered.subprotocol == "graphql-transport-ws"
    follower.send({"type": "connection_init"})
    assert follower.receive() == {"type": "connection_ack"}
    end = time.monotonic() + 60
    while not (found := workers_of(home)):
        assert time.monotonic() < end
        time.sleep(0.05)
    os.kill(found[0], signal.SIGKILL)
    follower.send({"type": "subscribe", "id": "1", "payload": {"query": FOLLOW, "variables": {"id": started["job"]["id"]}}})
    seen = []
    while (message := follower.receive())["type"] == "next":
        seen.append(message["payload"]["data"]["jobProgress"])
        assert ask(address, "{ health { status } }")["health"]["status"] == "ok"
    follower.close()
    assert message == {"type": "complete", "id": "1"}
    assert (seen[-1]["status"], seen[-1]["stepsDone"]) == ("succeeded", 1)


@pytest.mark.requirement("R-API-12")
def test_a_page_of_another_site_is_not_served(served):
    stranger = Socket(served[0], origin="https://evil.example")
    assert isinstance(stranger.answered, RejectConnection)
    assert stranger.answered.status_code == 403
    stranger.close()
