"""Feeds that a source has no mapping for, from files in the contract's own columns: a plan of prices, a calendar, any other."""

import csv
import json
import random
from collections import Counter
from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from cli.main import app
from ingest import contract_of, ingest_feed, ingest_feeds, load_source, shipped_contracts
from ingest.errors import FeedUnknown, FeedUnmapped
from ingest.plain_mapping import plain_mapping
from kit.ids import pseudonym
from lake.delta_lake import DeltaLake
from pipeline.layout import HomeLayout
from tests.ingest.conftest import KEY

PLAN = """product_id,store_id,week_start,planned_price,announced_on
a1,,2024-04-08,1.20,2024-03-20
a1,s1,2024-04-08,1.10,2024-03-25
a1,,2024-04-15,1.30,2024-04-16
a1,,2024-04-08,1.20,2024-03-20
a1,,2024-04-08,1.25,2024-03-20
a1,s1,2024-04-09,1.10,2024-03-25
a1,s9,2024-04-15,1.10,2024-03-25
a3,,2024-04-15,1.10,2024-03-25
a1,,2024-04-22,0,2024-03-25
a1,,2024-04-22,-1,2024-03-25
a1,,2024-04-22,cheap,2024-03-25
a1,,2024-04-22,1.10,
"""
BROKEN = {
    "row.copy": 1, "key.taken": 1, "week_start.monday": 1, "store_id.reference": 1, "product_id.reference": 1,
    "planned_price.zero": 1, "planned_price.minimum": 1, "planned_price.type": 1, "announced_on.required": 1,
}  # fmt: skip
CALENDAR = """event_id,name,kind,first_day,last_day,announced_on
e1,Easter break,school_holidays,2024-03-25,2024-04-05,2023-09-01
e1,Easter break,called_off,2024-03-25,2024-04-05,2024-01-10
e2,Fair,local_event,2024-05-01,2024-05-01,2024-05-01
e3,Fair,local_event,2024-05-02,2024-05-01,2024-03-01
e4,Fair,party,2024-05-02,2024-05-03,2024-03-01
"""


@pytest.fixture
def home(shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home that holds the corner shop, whose mapping names neither plan nor calendar."""
    monkeypatch.setenv("SHELFGRAPH_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "400")
    assert run("--path", str(shop.folder))[0] == 0
    return tmp_path


def ingest(*arguments: str) -> tuple[int, dict, str]:
    result = CliRunner().invoke(app, ["ingest", *arguments, "--json"])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, json.loads(result.stdout) if result.exit_code == 0 else {}, " ".join(result.stderr.split())


def run(*arguments: str) -> tuple[int, dict, str]:
    code, report, said = ingest("run", str(Path.cwd() / "mapping"), *arguments)
    return code, {feed["feed"]: feed for feed in report.get("feeds", ())}, said


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def lake_of(home: Path) -> DeltaLake:
    return DeltaLake(HomeLayout(home / "home").lake)


def written(home: Path, name: str, text: str) -> str:
    (home / name).write_text(text)
    return str(home / name)


def counts(feed: dict) -> tuple[int, ...]:
    return tuple(feed[name] for name in ("rows_in", "accepted", "quarantined", "duplicates"))


def test_a_plan_is_taken_from_a_file_in_the_contract_s_columns(home):
    file = written(home, "plan.csv", PLAN)
    code, feeds, _ = run("--feed", "planned_prices", "--path", file)
    assert (code, set(feeds)) == (0, {"planned_prices"})
    plan = feeds["planned_prices"]
    assert counts(plan) == (12, 3, 8, 1)
    assert (plan["by_rule"], plan["flagged"]) == (BROKEN, {"announced_on.late": 1})
    rows = lake_of(home).arrow("planned_prices").to_pylist()
    assert [(row["store_id"], row["planned_price"], row["announced_on"]) for row in rows] == [
        (None, 1.2, date(2024, 3, 20)),
        ("s1", 1.1, date(2024, 3, 25)),
        (None, 1.3, date(2024, 4, 16)),
    ]
    assert {(row["source"], row["simulated"]) for row in rows} == {("corner_shop", False)}

    # as Parquet, in a folder, once more: the same rows
    with (home / "plan.csv").open() as lines:
        cells = list(csv.DictReader(lines))
    folder = home / "delivery"
    folder.mkdir()
    columns = {name: pa.array([row[name] or None for row in cells], pa.string()) for name in cells[0]}
    pq.write_table(pa.table(columns), folder / "planned_prices.parquet")
    for path in (folder, folder / "planned_prices.parquet", folder / "planned_prices.parquet"):
        code, feeds, _ = run("--feed", "planned_prices", "--path", str(path))
        assert (code, counts(feeds["planned_prices"])) == (0, (12, 3, 8, 1))
        assert lake_of(home).arrow("planned_prices").to_pylist() == rows
    assert feeds["planned_prices"]["unchanged"]

    # the shop's own feeds come anew and leave the plan as it is
    assert run("--path", str(home / "data"))[0] == 0
    assert lake_of(home).arrow("planned_prices").to_pylist() == rows


def test_a_calendar_may_lack_the_column_of_stores(home):
    code, feeds, _ = run("--feed", "calendar_events", "--path", written(home, "days.csv", CALENDAR))
    calendar = feeds["calendar_events"]
    assert (code, counts(calendar)) == (0, (5, 3, 2, 0))
    assert calendar["by_rule"] == {"last_day.before_first_day": 1, "kind.allowed": 1}
    assert calendar["flagged"] == {"announced_on.late": 1}
    rows = lake_of(home).arrow("calendar_events").to_pylist()
    assert [(row["event_id"], row["kind"], row["store_id"]) for row in rows] == [
        ("e1", "school_holidays", None), ("e1", "called_off", None), ("e2", "local_event", None),
    ]  # fmt: skip


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_misspelt_column_of_stores_is_not_taken_for_a_missing_one(home, suffix):
    file = written(home, "plan.csv", PLAN.replace("store_id", "store"))
    if suffix == ".parquet":
        with (home / "plan.csv").open() as lines:
            pq.write_table(pa.Table.from_pylist(list(csv.DictReader(lines))), home / "plan.parquet")
        file = str(home / "plan.parquet")
    code, _, said = run("--feed", "planned_prices", "--path", file)
    assert code == 1
    assert "lacks the columns store_id; it has product_id, store, week_start" in said
    assert lake_of(home).version("planned_prices").rows == 0


def test_quarantined_rows_of_such_a_feed_come_back(home):
    run("--feed", "planned_prices", "--path", written(home, "plan.csv", PLAN))
    corrections = "product_id,week_start,planned_price,announced_on,source_offset\na1,2024-04-22,1.40,2024-03-25,10\n"
    arguments = ("--corrections", written(home, "right.csv", corrections))
    code, report, _ = ingest("replay", str(home / "mapping"), "planned_prices", *arguments)
    assert (code, report["examined"], report["restored"], report["remaining"]) == (0, 8, 1, 7)
    articles = (home / "data" / "articles.csv").read_text() + "a3,Jam,,none\n"
    (home / "data" / "articles.csv").write_text(articles)
    assert run("--path", str(home / "data"))[0] == 0
    code, report, _ = ingest("replay", str(home / "mapping"), "planned_prices")
    assert (code, report["examined"], report["restored"], report["remaining"]) == (0, 7, 1, 6)
    rows = lake_of(home).arrow("planned_prices").to_pylist()
    found = sorted((row["product_id"], row["store_id"] or "", row["planned_price"]) for row in rows)
    assert found == [("a1", "", 1.2), ("a1", "", 1.3), ("a1", "", 1.4), ("a1", "s1", 1.1), ("a3", "", 1.1)]


def test_without_a_file_it_is_told_what_to_deliver(home, shop):
    code, _, said = run("--feed", "planned_prices")
    assert code == 1
    assert "The source has no feed 'planned_prices'." in said
    assert "the columns that `shelfgraph ingest contract planned_prices` shows: --path FILE" in said
    with pytest.raises(FeedUnmapped):
        shop.feed("planned_prices")
    with pytest.raises(FeedUnknown, match="planned_price_list"):
        shop.reading("planned_price_list")


def test_a_household_in_such_a_file_becomes_its_pseudonym(shop, lake, tmp_path):
    ingest_feeds(shop, lake, pseudonym_key=KEY, run_id="run_1")
    file = tmp_path / "session_events.csv"
    header = "event_id,session_id,household_id,store_id,event_type,product_id,query,happened_at,business_date\n"
    seen = ("CARD-777001", "CARD-999")
    file.write_text(header + "".join(f"{n},x,{card},s1,view,a1,,2024-04-02 10:00:00,2024-04-02\n" for n, card in enumerate(seen)))
    source, path = shop.feed_at("session_events", file)
    report = ingest_feed(source, "session_events", lake, pseudonym_key=KEY, run_id="run_2", file=path)
    assert (report.accepted, report.by_rule) == (1, {"household_id.reference": 1})
    assert lake.arrow("session_events")["household_id"].to_pylist() == [pseudonym(KEY, "hh_", seen[0])]
    assert "999" not in json.dumps(lake.arrow("quarantine").to_pylist(), default=str)


def test_every_contract_has_such_a_mapping():
    for source in ("completejourney", "online_retail"):
        for feed in ("planned_prices", "calendar_events"):
            mapping = load_source(source).reading(feed).feed(feed)
            assert set(mapping.source_columns) == {item.name for item in contract_of(feed).fields}
    contracts = shipped_contracts()
    assert len(contracts) == 19
    for contract in contracts:
        mapping, fields = plain_mapping(contract.feed), contract.fields
        assert set(mapping.source_columns) == {item.name for item in fields}
        assert mapping.personal == tuple(item.name for item in fields if item.pseudonym)
        assert mapping.optional == tuple(item.name for item in fields if not item.required)
    assert plain_mapping("households").personal == ("household_id",)
    assert plain_mapping("planned_prices", Path("PLAN.PARQUET")).format.name == "parquet"


STORES = [None, "s1"]


def _spoilt(chance: random.Random, row: dict[str, str], known: list[dict[str, str]]) -> tuple[dict[str, str], str]:
    """A row with one fault, and the rule that tells it."""
    fault = chance.choice(["copy", "taken", "monday", "zero", "below", "type", "product", "store", "day", "empty"])
    if fault == "copy":
        return dict(chance.choice(known)), "row.copy"
    if fault == "taken":
        other = chance.choice(known)
        return {**other, "planned_price": f"{chance.uniform(10, 1e6):.6f}"}, "key.taken"
    changed = {
        "monday": ({"week_start": str(date.fromisoformat(row["week_start"]) + timedelta(days=chance.randrange(1, 7)))},
                   "week_start.monday"),
        "zero": ({"planned_price": chance.choice(["0", "0.00", "-0"])}, "planned_price.zero"),
        "below": ({"planned_price": "-0.01"}, "planned_price.minimum"),
        "type": ({"planned_price": chance.choice(["1.2.0", "free", "NaN", "1e999"])}, "planned_price.type"),
        "product": ({"product_id": "zz"}, "product_id.reference"),
        "store": ({"store_id": "s77"}, "store_id.reference"),
        "day": ({"announced_on": "2024-02-30"}, "announced_on.type"),
        "empty": ({"week_start": ""}, "week_start.required"),
    }  # fmt: skip
    cells, rule = changed[fault]
    return {**row, **cells}, rule


@pytest.mark.requirement("R-DAT-02")
@pytest.mark.parametrize("seed", [1, 2])
def test_ten_thousand_rows_of_which_many_are_bad(shop, lake, tmp_path, seed):
    ingest_feeds(shop, lake, pseudonym_key=KEY, run_id="run_1")
    chance, lines, expected, known, number = random.Random(seed), [], Counter(), [], 0
    names = [item.name for item in contract_of("planned_prices").fields]
    while len(lines) < 10_000:
        number += 1
        day = date(2024, 4, 1) + timedelta(days=7 * (number % 50))
        row = {
            "product_id": chance.choice(["a1", "a2"]), "store_id": chance.choice(["", "s1"]), "week_start": str(day),
            "planned_price": f"{chance.uniform(0.5, 9):.2f}", "announced_on": str(date(1995, 1, 1) + timedelta(days=number)),
        }  # fmt: skip
        if chance.random() < 0.02:
            lines.append(chance.choice(["", "a1,s1", ",".join(row.values()) + ",more", '"' + ",".join(row.values())]))
            expected["line.malformed"] += 1
            continue
        rule = ""
        if known and chance.random() < 0.3:
            row, rule = _spoilt(chance, row, known)
            expected[rule] += 1
        else:
            known.append(row)
        lines.append(",".join(row[name] for name in names))
    file = tmp_path / "plan.csv"
    file.write_text("\n".join([",".join(names), *lines]) + "\n")
    source, path = shop.feed_at("planned_prices", file)
    report = ingest_feed(source, "planned_prices", lake, pseudonym_key=KEY, run_id="run_2", file=path)
    assert report.rows_in == 10_000 == report.accepted + report.quarantined + report.duplicates
    assert Counter(report.by_rule) == expected
    assert (report.accepted, len(expected)) == (len(known), 11)
    assert lake.version("planned_prices").rows == report.accepted
