"""Every feed of the shipped grocery mapping, damaged in every way, through the command line as a user runs it.

A tiny delivery stands in for the package's files; `--feed FEED --path FILE` gives the damaged file. Checked: exit code, the
sentence, what to do next, the counts, and that a refused file changes no table.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

import api.wiring
from cli.main import app
from ingest import load_source
from lake.delta_lake import DeltaLake

pytestmark = pytest.mark.command_line

ROWS = 20
NUMBERS = list(range(1, ROWS + 1))
DAY = 1_488_326_400_000_000_000
"""2017-03-01 in nanoseconds, within week 10 of the feed."""


def instants(step_days: int = 0) -> pa.Array:
    return pa.array([DAY + step_days * 86_400_000_000_000] * ROWS, pa.timestamp("ns"))


def texts(word: str) -> list[str]:
    return [f"{word} {number}" for number in NUMBERS]


DELIVERY: dict[str, tuple[str, dict[str, object]]] = {
    "products": ("products", {
        "product_id": NUMBERS, "manufacturer_id": NUMBERS, "department": ["GROCERY"] * ROWS, "brand": ["National"] * ROWS,
        "product_category": texts("CHEESE"), "product_type": texts("SHREDDED"), "package_size": ["1 LB"] * ROWS,
    }),
    "campaigns": ("campaign_descriptions", {
        "campaign_id": NUMBERS, "campaign_type": ["Type A"] * ROWS, "start_date": instants(), "end_date": instants(30),
    }),
    "households": ("demographics", {
        "household_id": NUMBERS, "age": ["35-44"] * ROWS, "income": ["50-74K"] * ROWS, "home_ownership": ["Homeowner"] * ROWS,
        "marital_status": ["Married"] * ROWS, "household_size": ["2"] * ROWS, "household_comp": ["2 Adults"] * ROWS,
        "kids_count": ["0"] * ROWS,
    }),
    "campaign_households": ("campaigns", {"campaign_id": NUMBERS, "household_id": NUMBERS}),
    "coupon_products": ("coupons", {"coupon_upc": NUMBERS, "product_id": NUMBERS, "campaign_id": NUMBERS}),
    "coupon_redemptions": ("coupon_redemptions", {
        "household_id": NUMBERS, "coupon_upc": NUMBERS, "campaign_id": NUMBERS, "redemption_date": instants(3),
    }),
    "sales_lines": ("transactions", {
        "household_id": NUMBERS, "store_id": NUMBERS, "basket_id": NUMBERS, "product_id": NUMBERS, "quantity": [2] * ROWS,
        "sales_value": [3.5] * ROWS, "retail_disc": [0.5] * ROWS, "coupon_disc": [0.0] * ROWS, "coupon_match_disc": [0.0] * ROWS,
        "week": [10] * ROWS, "transaction_timestamp": instants(),
    }),
    "promotion_weeks": ("promotions", {
        "product_id": NUMBERS, "store_id": NUMBERS, "display_location": ["3"] * ROWS, "mailer_location": ["A"] * ROWS,
        "week": [10] * ROWS,
    }),
}  # fmt: skip
OWN_FILE = {**DELIVERY, "stores": ("stores", {"store_id": NUMBERS})}
"""The stores come from sightings; a list of stores of the user's own may stand beside them."""
FEEDS = ("campaigns", "households", "products", "stores", "campaign_households", "coupon_products", "promotion_weeks",
         "sales_lines", "coupon_redemptions")  # fmt: skip


@dataclass(frozen=True)
class Shop:
    """A home with the whole delivery in it, and a folder for damaged files."""

    home: Path
    folder: Path

    def run(self, *arguments: str) -> tuple[int, str, str]:
        result = CliRunner().invoke(app, ["ingest", "run", "completejourney", *arguments])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result.exit_code, result.stdout, " ".join(result.stderr.split())

    def replay(self, feed: str, *arguments: str) -> tuple[int, str, str]:
        result = CliRunner().invoke(app, ["ingest", "replay", "completejourney", feed, *arguments])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result.exit_code, " ".join(result.stdout.split()), " ".join(result.stderr.split())

    def take(self, feed: str, table: pa.Table) -> tuple[int, int, int, int, list[int]]:
        """Rows in, accepted, quarantined, duplicates, and the offsets that wait in the quarantine."""
        file = self.folder / "damaged" / f"{feed}.parquet"
        pq.write_table(table, file)
        code, printed, said = self.run("--feed", feed, "--path", str(file), "--json")
        assert code == 0, said
        (report,) = json.loads(printed)["feeds"]
        book = DeltaLake(self.home / "lake").arrow("quarantine").to_pylist()
        offsets = sorted(row["source_offset"] for row in book if row["feed"] == feed and row["status"] == "open")
        return report["rows_in"], report["accepted"], report["quarantined"], report["duplicates"], offsets

    def state(self) -> dict[str, tuple[int, int]]:
        """Size and time of change of every file of the lake."""
        files = [path for path in (self.home / "lake").rglob("*") if path.is_file()]
        assert len(files) > 30
        return {str(path): (path.stat().st_size, path.stat().st_mtime_ns) for path in files}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    home, folder = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("delivery")
    (folder / "damaged").mkdir()
    for name, columns in DELIVERY.values():
        pq.write_table(pa.table(columns), folder / f"{name}.parquet")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SHELFGRAPH_HOME", str(home))
        patch.setenv("COLUMNS", "400")
        # the shipped mapping, read once; only the package's folder is replaced by the tiny delivery
        source = load_source("completejourney", folder)
        patch.setattr(api.wiring, "load_source", lambda name, path=None: {source.name: source}[name])
        shop = Shop(home, folder)
        code, printed, _ = shop.run("--json")
        assert code == 0
        reports = json.loads(printed)["feeds"]
        assert {report["feed"]: (report["rows_in"], report["accepted"]) for report in reports} == dict.fromkeys(FEEDS, (20, 20))
        yield shop


def whole(feed: str) -> pa.Table:
    return pa.table(OWN_FILE[feed][1])


def as_text(table: pa.Table) -> pa.Table:
    return pa.table({name: table.column(name).cast(pa.string()) for name in table.column_names})


def with_cells(feed: str, column: str, rows: tuple[int, ...], cell: object) -> pa.Table:
    """The whole file with one column as text and another cell in some rows."""
    table = whole(feed)
    texts = table.column(column).cast(pa.string()).to_pylist()
    cells = [cell if row in rows else text for row, text in enumerate(texts)]
    return table.set_column(table.column_names.index(column), column, pa.array(cells, pa.string()))


BAD = (2, 7, 13)
SEEN_ELSEWHERE = ("households", "stores")
"""Feeds that also collect what other files mention: a refused row of their own file comes back as a sighting."""
WRONG_TYPE: dict[str, tuple[str, str | None]] = {
    "campaigns": ("start_date", "never"), "households": ("household_id", None), "products": ("product_id", "\x01"),
    "stores": ("store_id", "\x01"), "campaign_households": ("campaign_id", None), "coupon_products": ("product_id", None),
    "promotion_weeks": ("week", "ten"), "sales_lines": ("quantity", "two"), "coupon_redemptions": ("redemption_date", "never"),
}  # fmt: skip
REFERENCE = {
    "campaign_households": "campaign_id", "coupon_products": "product_id", "promotion_weeks": "store_id",
    "sales_lines": "household_id", "coupon_redemptions": "campaign_id",
}  # fmt: skip
BESIDE_THE_KEY = {"campaigns": "campaign_type", "households": "age", "products": "brand", "sales_lines": "quantity"}


def bad_rows(feed: str) -> dict[str, tuple[pa.Table, tuple[int, ...], int]]:
    """Damaged files, the offsets that must be quarantined, and how many rows must be duplicates."""
    table = whole(feed)
    again = table.take(list(BAD))
    column, cell = WRONG_TYPE[feed]
    garbage = as_text(table).to_pydict()
    for row in BAD[:2]:  # one row in ten
        for cells in garbage.values():
            cells[row] = f"\x02%{row}\tä日;\x7f"
    found = {
        "wrong types": (with_cells(feed, column, BAD, cell), BAD, 0),
        "copies": (pa.concat_tables([table, again]), (), 3),
        "garbage": (pa.table(garbage), BAD[:2], 0),
    }
    if feed in REFERENCE:
        found["unknown references"] = (with_cells(feed, REFERENCE[feed], BAD, "999"), BAD, 0)
    if feed in BESIDE_THE_KEY:
        name = BESIDE_THE_KEY[feed]
        other = pa.array([9] * 3) if name == "quantity" else pa.array(["other"] * 3)
        place = table.column_names.index(name)
        found["keys twice"] = (pa.concat_tables([table, again.set_column(place, name, other)]), (20, 21, 22), 0)
    return found


@pytest.mark.parametrize("feed", FEEDS)
def test_bad_rows_are_quarantined_exactly(shop: Shop, feed: str) -> None:
    cases = bad_rows(feed)
    assert len(cases) == 3 + (feed in REFERENCE) + (feed in BESIDE_THE_KEY)
    for kind, (table, bad, copies) in cases.items():
        came_back = len(bad) if feed in SEEN_ELSEWHERE and kind in ("wrong types", "garbage") else 0
        rows_in = table.num_rows + came_back
        assert shop.take(feed, table) == (rows_in, rows_in - len(bad) - copies, len(bad), copies, list(bad)), kind
        held = DeltaLake(shop.home / "lake").arrow(feed).num_rows
        assert held == rows_in - len(bad) - copies, kind
    assert shop.take(feed, whole(feed)) == (20, 20, 0, 0, []), "the whole file again"


def unusable_files(feed: str, folder: Path) -> list[tuple[str, Path, str]]:
    """Files that cannot be taken, and what must be said of each."""
    table, file = whole(feed), folder / "whole.parquet"
    first = table.column_names[0]
    pq.write_table(table, file)
    content = file.read_bytes()
    foreign = pa.Array.from_buffers(pa.string(), ROWS, pa.array([b"\xff\xfe"] * ROWS).buffers())
    tables = {
        "column missing": (table.rename_columns(["gone", *table.column_names[1:]]), f"lacks the columns {first}"),
        "column twice": (table.append_column(first, table.column(first)), f"holds the column {first} more than once"),
        "no rows": (table.slice(0, 0), "holds no rows"),
        "lists": (table.set_column(0, first, pa.array([[1]] * ROWS)), f"in column '{first}'"),
        "foreign bytes": (table.set_column(0, first, foreign), "Invalid UTF8"),
    }
    if feed not in SEEN_ELSEWHERE:
        nothing = table.set_column(0, first, pa.nulls(ROWS, pa.string()))
        tables["every row bad"] = (nothing, "holds no row that can be taken: 20 rows break their contract")
    for kind, (damaged, _) in tables.items():
        pq.write_table(damaged, folder / f"{kind}.parquet")
    files = {
        "empty": (b"", "holds no rows"),
        "cut": (content[: len(content) // 2], "looks cut off"),
        "zeros": (content[:40] + bytes(len(content) - 80) + content[-40:], "is damaged"),
        "another format": (b"a,b\n1,2\n", "is not a Parquet file"),
    }
    for kind, (damaged, _) in files.items():
        (folder / f"{kind}.parquet").write_bytes(damaged)
    said = [(kind, folder / f"{kind}.parquet", words) for kind, (_, words) in {**tables, **files}.items()]
    return [*said, ("absent", folder / "absent.parquet", "does not exist"), ("folder", folder, "does not exist")]


@pytest.mark.parametrize("feed", FEEDS)
def test_a_file_that_cannot_be_used_is_refused_and_changes_nothing(shop: Shop, feed: str, tmp_path: Path) -> None:
    before = shop.state()
    cases = unusable_files(feed, tmp_path)
    assert len(cases) == 11 + (feed not in SEEN_ELSEWHERE)
    for kind, file, words in cases:
        code, printed, said = shop.run("--feed", feed, "--path", str(file), "--json")
        assert (code, printed) == (1, ""), kind
        assert words in said, (kind, said)
        assert file.name in said, kind
        assert "What to do:" in said, kind
        assert "Nothing was changed." in said, kind
        assert shop.state() == before, kind


def test_strict_tells_of_quarantined_rows_by_the_exit_code(shop: Shop) -> None:
    file = shop.folder / "damaged" / "strict.parquet"
    pq.write_table(with_cells("campaigns", "start_date", BAD, "never"), file)
    code, _, said = shop.run("--feed", "campaigns", "--path", str(file), "--strict")
    assert code == 4
    assert "3 rows in quarantine: `shelfgraph ingest quarantine` shows why." in said
    assert shop.take("campaigns", whole("campaigns"))[:3] == (20, 20, 0)


def test_rows_kept_in_spite_of_a_rule_are_shown(shop: Shop) -> None:
    """A line of quantity 0 is kept and counted, and so is one of the year's first, partial week."""
    table = with_cells("sales_lines", "quantity", (0, 1), "0")
    weeks = pa.array([1] * 3 + [10] * 17)
    times = pa.array([1_483_228_800_000_000_000] * 3 + [DAY] * 17, pa.timestamp("ns"))
    for name, values in (("week", weeks), ("transaction_timestamp", times)):
        table = table.set_column(table.column_names.index(name), name, values)
    file = shop.folder / "damaged" / "flagged.parquet"
    pq.write_table(table, file)
    code, printed, _ = shop.run("--feed", "sales_lines", "--path", str(file))
    assert code == 0
    shown = [line.split("│")[1:-1] for line in printed.splitlines() if "kept and counted" in line]
    assert [tuple(cell.strip() for cell in line) for line in shown] == [
        ("sales_lines", "quantity.zero", "2", "kept and counted"),
        ("sales_lines", "week.partial", "3", "kept and counted"),
    ]
    assert shop.take("sales_lines", whole("sales_lines")) == (20, 20, 0, 0, [])


def test_an_unknown_feed_is_named_with_those_that_exist(shop: Shop) -> None:
    code, _, said = shop.run("--feed", "sales")
    assert code == 1
    assert "The source has no feed 'sales'." in said
    assert all(feed in said for feed in FEEDS)


def test_a_run_that_stops_half_way_says_what_was_written(shop: Shop, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Coupons are cut off: what is ordered before them is in the lake, they and what follows are not."""
    delivery, home = tmp_path / "delivery", tmp_path / "home"
    delivery.mkdir()
    for name, columns in DELIVERY.values():
        pq.write_table(pa.table(columns), delivery / f"{name}.parquet")
    coupons = delivery / "coupons.parquet"
    coupons.write_bytes(coupons.read_bytes()[:-200])
    monkeypatch.setenv("SHELFGRAPH_HOME", str(home))
    monkeypatch.setattr(api.wiring, "load_source", lambda name, path=None: load_source(name, delivery))
    code, printed, said = shop.run("--json")
    assert (code, printed) == (1, "")
    written = ("campaigns", "households", "products", "stores", "campaign_households")
    assert "Source 'completejourney' stopped at feed 'coupon_products'" in said
    assert f"Written before it: {', '.join(written)}; 'coupon_products' and the feeds after it are as they were." in said
    assert "looks cut off" in said
    assert "Nothing was changed" not in said
    lake = DeltaLake(home / "lake")
    assert {feed: lake.version(feed).rows for feed in FEEDS} == {feed: 20 if feed in written else 0 for feed in FEEDS}
    # the fault is mended: what was written is passed over, what was not is taken
    pq.write_table(pa.table(DELIVERY["coupon_products"][1]), coupons)
    code, printed, _ = shop.run("--json")
    reports = {report["feed"]: report for report in json.loads(printed)["feeds"]}
    assert code == 0
    assert {feed for feed, report in reports.items() if report["unchanged"]} == set(written)
    assert {report["accepted"] for report in reports.values()} == {20}


def test_quarantined_rows_are_put_right_by_the_replay_command(shop: Shop, tmp_path: Path) -> None:
    assert shop.take("sales_lines", with_cells("sales_lines", "quantity", BAD, "three"))[2:] == (3, 0, list(BAD))
    code, printed, said = shop.replay("sales_lines")
    assert code == 0
    assert "sales_lines: 3 examined, 0 restored, 0 duplicates, 3 still in quarantine." in said, printed
    corrections = tmp_path / "corrections.parquet"
    right = whole("sales_lines").take(list(BAD[:2])).append_column("source_offset", pa.array(BAD[:2]))
    pq.write_table(right, corrections)
    code, printed, _ = shop.replay("sales_lines", "--corrections", str(corrections), "--json")
    report = json.loads(printed)
    assert code == 0
    assert (report["examined"], report["restored"], report["remaining"], report["table_rows"]) == (3, 2, 1, 19)
    assert (report["by_rule"], report["closed_by_rule"]) == ({"quantity.type": 1}, {"quantity.type": 2})
    lake = DeltaLake(shop.home / "lake")
    assert lake.version("sales_lines").rows == 19
    before = shop.state()
    code, printed, said = shop.replay("sales_lines", "--corrections", str(corrections))
    assert (code, printed) == (1, "")
    assert "No row of feed 'sales_lines' waits in the quarantine under source offset 2, 7." in said
    code, _, said = shop.replay("sales")
    assert code == 1
    assert "'sales'" in said
    assert shop.state() == before
    assert shop.take("sales_lines", whole("sales_lines")) == (20, 20, 0, 0, [])
