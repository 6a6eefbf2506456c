"""Whose facts a home holds: one retailer's, and what is made for it follows what its source declares."""

import ast
import hashlib
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import yaml

from ingest import contract_of, held_retailer, ingest_feed, ingest_feeds, load_source
from ingest.errors import ConfigurationInvalid, FileMissing, OtherSourceHeld
from ingest.sources.configuration import MAPPING_FOLDER
from kit.progress import SilentProgress
from pipeline.books import open_books
from pipeline.errors import NothingIngested
from pipeline.feeds import ingest_one_feed, ingest_source, simulate_missing_feeds
from pipeline.layout import HomeLayout
from tests.ingest.conftest import KEY, SOURCE, TILL

ASSUMED = """
simulation:
  fresh_departments: [DAIRY]
  margins: {DAIRY: 0.4}
"""


def test_a_second_retailer_is_sent_to_a_home_of_its_own(shop, lake, tmp_path: Path) -> None:
    ingest_feeds(shop, lake, pseudonym_key=KEY, run_id="run_1")
    (tmp_path / "mapping" / "source.yaml").write_text(SOURCE.replace("corner_shop", "kiosk"))
    kiosk = load_source(tmp_path / "mapping", shop.folder)
    before = {name: lake.version(name) for name in lake.names()}
    with pytest.raises(OtherSourceHeld, match=r"SHELFGRAPH_HOME=\.shelfgraph-kiosk") as caught:
        ingest_feeds(kiosk, lake, pseudonym_key=KEY, run_id="run_2")
    assert (caught.value.held, caught.value.source) == ("corner_shop", "kiosk")
    with pytest.raises(OtherSourceHeld):
        ingest_feed(kiosk, "products", lake, pseudonym_key=KEY, run_id="run_2")
    assert {name: lake.version(name) for name in lake.names()} == before
    assert held_retailer(lake).source == "corner_shop"


def test_what_is_simulated_follows_the_zone_and_the_assumptions_of_the_source(shop, lake, tmp_path: Path) -> None:
    (tmp_path / "mapping" / "source.yaml").write_text(SOURCE.replace("Europe/Berlin", "Asia/Tokyo") + ASSUMED)
    times = [f"2024-04-{day:02d} {hour:02d}:30:00" for day in range(1, 29) for hour in (7, 13, 23)]
    lines = [f"r{n},a1,CARD-{n % 5},s1,{time},1,2.00,0" for n, time in enumerate(times)]
    (shop.folder / "till.csv").write_text("\n".join([TILL[0], *lines]) + "\n")
    layout = HomeLayout(tmp_path / "home")
    books, source = open_books(layout), load_source(tmp_path / "mapping", shop.folder)
    with pytest.raises(NothingIngested):
        simulate_missing_feeds(lake, books, seed=1, progress=SilentProgress())
    ingest_source(lake, books, source, pseudonym_key=KEY, progress=SilentProgress())
    report = simulate_missing_feeds(lake, books, seed=1, progress=SilentProgress())
    assert report.quarantined == 0
    run = books.runs.get(report.run_id)
    assert run.parameters["time_zone"] == "Asia/Tokyo"
    assert run.parameters["assumptions"]["fresh_departments"] == ["DAIRY"]
    events = lake.arrow("session_events").to_pylist()
    assert len(events) > 10
    for event in events:
        moment: datetime = event["happened_at"]
        assert moment.astimezone(ZoneInfo("Asia/Tokyo")).date() == event["business_date"]
        assert (event["simulated"], event["source"]) == (True, "simulated")
    cost = lake.arrow("purchase_costs").to_pylist()[0]["unit_cost"]
    assert 0.55 * 2.0 <= cost <= 0.65 * 2.0


@pytest.mark.parametrize(
    ("block", "told"),
    [("simulation: {margins: {DAIRY: 40}}", "the margin of DAIRY is 40"), ("simulation: {margin: 0.3}", "no key margin"),
     ("simulation: {fresh_departments: DAIRY}", "must be a list"), ("simulation: {default_margin: high}", "must be a share")],
)  # fmt: skip
def test_a_slip_in_the_assumptions_is_told(block: str, told: str, shop, tmp_path: Path) -> None:
    (tmp_path / "mapping" / "source.yaml").write_text(SOURCE + block + "\n")
    with pytest.raises(ConfigurationInvalid, match=told):
        load_source(tmp_path / "mapping")


def test_no_code_knows_a_department_of_the_demo_data(project_root: Path) -> None:
    assumed = yaml.safe_load((MAPPING_FOLDER / "completejourney" / "source.yaml").read_text())["simulation"]
    departments = {*assumed["fresh_departments"], *assumed["margins"]}
    assert len(departments) == 14
    checked = 0
    for room in ("ingest", "ontology", "lake", "pipeline"):
        for path in (project_root / room).rglob("*.py"):
            texts = [node.value for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Constant)]
            words = [text for text in texts if isinstance(text, str)]
            assert not departments & set(words), path
            assert not any(f"'{department}'" in word for word in words for department in departments), path
            checked += 1
    assert checked > 60


def test_a_run_says_what_it_was_made_from(shop, lake, tmp_path: Path) -> None:
    books = open_books(HomeLayout(tmp_path / "home"))
    report = ingest_source(lake, books, shop, pseudonym_key=KEY, progress=SilentProgress())
    inputs = books.runs.get(report.run_id).inputs
    files = {f"file:{name}": (shop.folder / name).read_bytes() for name in ("articles.csv", "till.csv")}
    assert {name: text for name, text in inputs.items() if name.startswith("file:")} == {
        name: f"{hashlib.sha256(content).hexdigest()} ({len(content)} bytes)" for name, content in files.items()
    }
    feeds = ("households", "products", "sales_lines", "stores")
    assert {name: inputs[f"contract:{name}"] for name in feeds} == {name: contract_of(name).version for name in feeds}
    assert len(inputs) == 2 + 2 * len(feeds)

    # another mapping and another file are other inputs; what did not change is told as before
    (tmp_path / "mapping" / "products.yaml").write_text((tmp_path / "mapping" / "products.yaml").read_text() + "# changed\n")
    other = shop.folder / "more.csv"
    other.write_text("nr,label,size,aisle\na1,Milk,1 l,DAIRY\n")
    changed = load_source(tmp_path / "mapping", shop.folder)
    one = ingest_one_feed(lake, books, changed, "products", other, pseudonym_key=KEY, progress=SilentProgress())
    again = books.runs.get(one.run_id).inputs
    assert set(again) == {"file:more.csv", "contract:products", "mapping:products"}
    assert again["mapping:products"] != inputs["mapping:products"]

    with pytest.raises(FileMissing):
        ingest_one_feed(lake, books, changed, "products", tmp_path / "gone.csv", pseudonym_key=KEY, progress=SilentProgress())
    (failed,) = [run for run in books.runs.latest() if run.status == "failed"]
    assert failed.inputs["file:gone.csv"] == "missing"
