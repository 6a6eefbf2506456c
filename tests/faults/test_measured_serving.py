"""A server that `bench serve` starts leaves no trace in the installation, and sees an event in the next answer."""

import pytest

from bench.http_load import Request
from bench.running import HOST, running_server
from bench.serve_events import Cart, event_rows
from ingest.home import enter_source
from kg.snapshot import current_folder, open_snapshot
from kit.progress import SilentProgress
from pipeline.layout import HomeLayout
from tests.pipeline.conftest import build_shop, settings_for
from tests.pipeline.test_event_landing import TINY

pytestmark = [pytest.mark.full, pytest.mark.timeout(400)]


@pytest.fixture(scope="module")
def home(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("measured")
    # events are judged by a retailer's own facts
    build_shop(folder, settings_for(folder, "embedded", request), lambda installation: enter_source(installation.lake, TINY))
    return folder


def test_an_event_changes_the_next_answer_and_the_installation_knows_nothing_of_it(home):
    graph = open_snapshot(current_folder(HomeLayout(home).snapshots))
    carts = [Cart(str(one), str(graph.ids("Store")[0])) for one in graph.ids("Household")[:20]]
    asked = [Request("GET", f"/v1/recommendations?household={one.household_id}&limit=10") for one in carts]
    before = {path: path.read_bytes() for path in (home / "books").iterdir()}
    with running_server(home, SilentProgress()) as (port, _):
        rows = list(event_rows((HOST, port), carts, asked, SilentProgress()))
    figures = {(row.slice, row.metric): row.value for row in rows}
    assert len({row.slice for row in rows}) == 2
    assert all(value == 0 for (_, metric), value in figures.items() if metric == "errors")
    assert all(0 < value < 1000 for (_, metric), value in figures.items() if metric == "p99_ms")
    assert {path: path.read_bytes() for path in (home / "books").iterdir()} == before
