"""Charts over HTTP: the same answers, rights, log and refusals as everywhere else, and drawn beside the event loop."""

import re
import subprocess
import sys
import threading
from html.parser import HTMLParser

import pytest

from api.app import create_app
from api.charts import drawing
from api.charts.drawing import FORMS, DrawingRoom
from api.decisions_made import answer_bytes, compute, request_of
from api.error_map import LOGGED_REFUSALS
from api.errors import ChartsBusy
from api.identifiers import global_id
from api.rest.charts import CHART_PATHS
from governance.policy import Principal, Role
from tests.api import small_shop

PATH = "/v1/charts/forecast"
MEDIA_TYPES = {"svg": "image/svg+xml", "png": "image/png", "html": "text/html; charset=utf-8"}
START = {"svg": b"<svg", "png": b"\x89PNG", "html": b"<!doctype html>"}


def get(shop, form="svg", **parameters):
    return shop.client.get(f"{PATH}.{form}", params=parameters)


@pytest.mark.parametrize("form", FORMS)
def test_a_chart_is_answered_logged_and_named_with_its_decision(shop, form):
    answer = get(shop, form, productId="P007", horizonWeeks=2)
    assert (answer.status_code, answer.headers["content-type"]) == (200, MEDIA_TYPES[form])
    assert answer.content.startswith(START[form])
    assert "sandbox" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"
    (entry,) = shop.log.entries()
    assert (entry.id, entry.kind) == (answer.headers["shelfgraph-decision"], "forecast")
    request = request_of("forecast", entry.request)
    assert (request.product_id, request.store_id, request.horizon_weeks, request.as_of) == ("P007", None, 2, None)
    assert answer_bytes(compute(shop.services, "forecast", request, LOGGED_REFUSALS)) == entry.answer
    seen = shop.client.get("/metrics").text
    assert f'shelfgraph_requests_total{{route="{PATH}.{form}",status="200"}} 1.0' in seen
    assert 'shelfgraph_decisions_total{kind="forecast"} 1.0' in seen


def test_the_same_question_gives_the_same_picture_under_another_decision(shop):
    first, second = (get(shop, productId="P007", storeId="st1", asOf="2017-12-31") for _ in range(2))
    assert first.content == second.content
    assert first.headers["shelfgraph-decision"] != second.headers["shelfgraph-decision"]
    opaque = get(shop, productId=global_id("Product", "P007"), storeId=global_id("Store", "st1"))
    assert opaque.content == first.content
    assert b"Store st1" in first.content
    assert b"rel_1 on graph " in first.content


class Page(HTMLParser):
    """Reads a page: tables as lists of rows, which cells are headings, and every tag."""

    def __init__(self, text):
        super().__init__()
        self.tables, self.captions, self.tags, self.scopes, self.open = [], [], [], [], None
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag == "table":
            self.tables.append([])
        if tag == "tr":
            self.tables[-1].append([])
        if tag in ("td", "th"):
            self.tables[-1][-1].append("")
            self.scopes.append((tag, dict(attributes).get("scope")))
        self.open = tag

    def handle_data(self, data):
        if self.open in ("td", "th"):
            self.tables[-1][-1][-1] += data
        if self.open == "caption":
            self.captions.append(data)

    def handle_endtag(self, tag):
        self.open = None


def test_a_page_has_the_picture_and_its_numbers_as_tables(shop):
    answer = get(shop, "html", productId="P007", horizonWeeks=2)
    page = Page(answer.text)
    weeks, drivers, history = page.tables
    assert weeks == [
        ["Week from", "Forecast", "80 % interval", "95 % interval", "Baseline", "Promoted"],
        ["1 Jan 2018", "10.0", "8.0 to 12.0", "7.0 to 13.0", "9.5", "no"],
        ["1 Jan 2018", "10.0", "8.0 to 12.0", "7.0 to 13.0", "9.5", "no"],
        ["All weeks", "20.0", "", "", "19.0", ""],
    ]
    assert [row[-1] for row in drivers[1:]] == ["19.0", "+1.0", "20.0"]
    assert history[1:] == [["18 Dec 2017", "9.0"], ["25 Dec 2017", "11.0"]]
    assert len(page.captions) == 3
    assert {scope for tag, scope in page.scopes if tag == "th"} == {"col", "row"}
    assert [attributes for tag, attributes in page.tags if tag == "html"] == [{"lang": "en"}]
    assert [attributes["role"] for tag, attributes in page.tags if tag == "svg"] == ["img"]
    assert {tag for tag, _ in page.tags} & {"script", "img", "link", "iframe", "form"} == set()
    # what is not in the page is not asked for
    assert all(
        value.startswith(("#", "http://www.w3.org/"))
        for _, attributes in page.tags
        for name, value in attributes.items()
        if name in ("src", "href", "xlink:href", "xmlns", "xmlns:xlink")
    )
    assert answer.headers["shelfgraph-decision"] in answer.text


REFUSED = [
    ("", 400, "INVALID_REQUEST", "productId"),
    ("productId=", 400, "INVALID_REQUEST", "productId"),
    ("productId=P007&productId=P008", 400, "INVALID_REQUEST", "productId"),
    ("productId=P007&product=1", 400, "INVALID_REQUEST", "'product'"),
    ("productId=P007&horizonWeeks=two", 400, "INVALID_REQUEST", "horizonWeeks"),
    ("productId=P007&horizonWeeks=12345", 400, "INVALID_REQUEST", "horizonWeeks"),
    ("productId=P007&horizonWeeks=%D9%A3", 400, "INVALID_REQUEST", "horizonWeeks"),
    ("productId=P007&horizonWeeks=1.5", 400, "INVALID_REQUEST", "horizonWeeks"),
    ("productId=P007&asOf=yesterday", 400, "INVALID_REQUEST", "asOf"),
    ("productId=P007&asOf=2017-02-30", 400, "INVALID_REQUEST", "asOf"),
    ("productId=P007&asOf=20171231", 400, "INVALID_REQUEST", "asOf"),
    ("productId=nope", 404, "UNKNOWN_PRODUCT", "nope"),
    ("productId=%3Cscript%3E", 404, "UNKNOWN_PRODUCT", "<script>"),
    (f"productId={'P' * 5000}", 400, "INVALID_REQUEST", "query"),
]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("query", "status", "code", "named"), REFUSED)
def test_a_question_that_cannot_be_answered_is_refused_and_leaves_no_trace(shop, form, query, status, code, named):
    answer = shop.client.get(f"{PATH}.{form}?{query}")
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/json")
    (error,) = answer.json()["errors"]
    assert error["extensions"]["code"] == code
    assert named in error["message"]
    assert shop.log.verify().entries == 0
    assert f'shelfgraph_refused_total{{code="{code}"}} 1.0' in shop.client.get("/metrics").text


def test_too_little_to_forecast_from_is_an_answer_of_its_own(shop):
    answer = get(shop, productId=small_shop.NO_HISTORY)
    (entry,) = shop.log.entries()
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["extensions"] == {"code": "INSUFFICIENT_EVIDENCE", "decisionId": entry.id}
    assert answer.headers["shelfgraph-decision"] == entry.id
    assert b"NoHistory" in entry.answer


@pytest.mark.parametrize("roles", [frozenset(), frozenset({Role.AUDITOR}), frozenset({Role.RECOMMENDATION_CLIENT})])
def test_a_chart_takes_the_rights_that_its_answer_takes(open_shop, roles):
    shop = open_shop(principal_of=lambda _: Principal("somebody", roles))
    for product in ("P007", "nope"):
        answer = get(shop, productId=product)
        assert answer.status_code == 403
        assert answer.json()["errors"][0]["extensions"]["code"] == "NOT_AUTHORISED"
    assert shop.log.verify().entries == 0


def test_only_get_and_only_known_forms(shop):
    assert shop.client.post(f"{PATH}.svg", params={"productId": "P007"}).status_code == 405
    assert get(shop, "gif", productId="P007").status_code == 404
    assert shop.client.get("/v1/charts/").status_code == 404
    assert shop.log.verify().entries == 0


def test_what_cannot_be_drawn_is_masked_and_was_no_answer(shop, monkeypatch):
    def fail(*_):
        raise ValueError("canary-51c0")

    monkeypatch.setattr(drawing, "drawn", fail)
    answer = get(shop, productId="P007")
    assert answer.status_code == 500
    assert answer.json()["errors"][0]["extensions"]["code"] == "INTERNAL"
    assert "canary" not in answer.text
    assert shop.log.verify().entries == 0


def test_a_chart_that_is_being_drawn_holds_up_nobody_and_the_queue_ends(shop, monkeypatch):
    begun, go_on, answers = threading.Event(), threading.Event(), []
    draw = drawing.drawn

    def slowly(*arguments):
        begun.set()
        assert go_on.wait(30)
        return draw(*arguments)

    monkeypatch.setattr(drawing, "drawn", slowly)
    waiting = [
        threading.Thread(target=lambda: answers.append(get(shop, productId="P007").status_code))
        for _ in range(drawing.MOST_WAITING)
    ]
    for one in waiting:
        one.start()
    assert begun.wait(30)
    busy = None
    while busy is None or busy.status_code != 429:  # until all of them have come
        assert shop.client.get("/health").status_code == 200
        busy = get(shop, productId="nope")
    assert busy.json()["errors"][0]["extensions"]["code"] == "CHARTS_BUSY"
    assert answers == []
    go_on.set()
    for one in waiting:
        one.join(60)
    assert answers == [200] * drawing.MOST_WAITING
    assert shop.log.verify().entries == drawing.MOST_WAITING
    assert get(shop, productId="P007").status_code == 200


def test_a_place_is_given_back_whatever_happens():
    room = DrawingRoom(most_waiting=1)
    for _ in range(2):
        with pytest.raises(KeyError), room.place():
            with pytest.raises(ChartsBusy), room.place():
                pass
            raise KeyError
    room.close()


STARTED = """
import sys, tempfile, pathlib
from starlette.testclient import TestClient
import cli.verbs
from api.app import create_app
from decisions.search import ProductSearch
from governance.records import SqliteDecisionLog
from tests.api import small_shop
folder = pathlib.Path(tempfile.mkdtemp())
graph = small_shop.publish(folder)
app = create_app(small_shop.services(graph, ProductSearch.build(graph)), SqliteDecisionLog(folder / "log.db"))
with TestClient(app, base_url="http://localhost") as client:
    assert client.get("/ready").status_code == 200
    print("matplotlib" in sys.modules)
    assert client.get("/v1/charts/forecast.svg?productId=P007").status_code == 200
    print("matplotlib" in sys.modules, "matplotlib.pyplot" in sys.modules)
"""


@pytest.mark.command_line
def test_a_server_that_draws_nothing_imports_no_matplotlib(project_root):
    said = subprocess.run([sys.executable, "-c", STARTED], cwd=project_root, capture_output=True, text=True, check=True)
    assert said.stdout.split() == ["False", "True", "False"]


def test_every_chart_is_counted_by_its_path(shop):
    assert len(CHART_PATHS) >= 3
    paths = {route.path for route in create_app(shop.services, shop.log).routes}
    assert set(CHART_PATHS) <= paths
    assert all(re.fullmatch(r"/v1/charts/[a-z]+\.(svg|png|html)", path) for path in CHART_PATHS)
