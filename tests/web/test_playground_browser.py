"""The built playground in a real browser, over the small shop, and a check that has been seen to fail."""

import socket
import threading
import time

import pytest
import uvicorn

from api.app import create_app
from api.server import PLAYGROUND
from decisions.search import ProductSearch
from governance.records import SqliteDecisionLog
from tests.api import small_shop
from tests.web.playground_seen import check_example, check_playground, empty_lists


@pytest.fixture
def address(tmp_path):
    graph = small_shop.publish(tmp_path / "graph")
    services = small_shop.services(graph, ProductSearch.build(graph))
    app = create_app(services, SqliteDecisionLog(tmp_path / "decisions.db"), playground=PLAYGROUND)
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
    serving = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    serving.start()
    while not server.started:
        time.sleep(0.05)
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    serving.join(30)
    listener.close()


@pytest.mark.browser
def test_every_saved_query_runs_in_the_playground_and_its_answer_is_shown(address, project_root, tmp_path):
    check_playground(address, project_root, tmp_path / "playground.png")


def test_an_empty_list_is_found_wherever_it_is():
    path = {"hops": [{"relation": "x"}]}
    edge = {"node": {"suppliers": []}, "explanation": {"paths": [{"hops": []}, path]}}
    assert empty_lists({"a": {"edges": [edge]}}) == ([], 2)
    assert empty_lists({"a": {"edges": [edge]}, "b": {"edges": []}}) == ([".b.edges"], 3)
    assert empty_lists({"a": {"points": []}, "history": [1]}) == ([".a.points"], 1)
    hopeless = {"edges": [{"explanation": {"paths": [{"hops": []}]}}]}
    assert empty_lists(hopeless) == ([".edges[0].explanation.paths"], 2)
    assert empty_lists({"paths": [], "factors": [{"name": "popularity"}]}) == ([], 0)
    assert empty_lists({"paths": [], "factors": []}) == ([".paths"], 1)


@pytest.mark.parametrize(
    "change",
    [{"shownIsAnswer": False}, {"answer": {"data": {"a": {"edges": []}}}}, {"answer": {"data": {"a": 1}}}, {"shownCharacters": 9},
     {"answer": {"data": None, "errors": [{}]}}],
)  # fmt: skip
def test_what_is_not_as_due_is_noticed(change):
    whole = {"title": "t", "answer": {"data": {"a": {"edges": [1]}}}, "shownIsAnswer": True, "shownCharacters": 200}
    check_example(whole)
    with pytest.raises(AssertionError):
        check_example({**whole, "shown": "", "expected": "", **change})
