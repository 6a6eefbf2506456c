"""Damaged copies of every feed: nothing is lost, the right rows are named, and a whole-file fault changes nothing."""

import json
import random
import string

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ingest import ingest_feed
from ingest.books import DUPLICATES, QUARANTINE
from ingest.contract import contract_of, shipped_contracts
from ingest.errors import (
    ColumnsMissing,
    FileCutOff,
    FileDamaged,
    FileEmpty,
    FileMissing,
    NotDeclaredFormat,
    WrongEncoding,
)
from ingest.feeds import ensure_tables, ordered_feeds
from ingest.mapping import FileFormat
from ingest.sources import read_batches

KEY = b"a key for tests"
FEEDS = [contract.feed for contract in shipped_contracts()]
GARBAGE = string.ascii_letters + string.digits + ",;\"'\\\t |\x00\x01\x7fäß日"


def _take(world, feed, file=None, run_id="run_1"):
    return ingest_feed(world.source, feed, world.lake, pseudonym_key=KEY, run_id=run_id, file=file)


def _fill(world, feed):
    """Take the whole files of everything that the feed refers to."""
    ensure_tables(world.lake)
    needed = {name.split(".")[0] for name in contract_of(feed).references}
    needed |= {name.split(".")[0] for other in needed for name in contract_of(other).references}
    for mapping in ordered_feeds([world.source.feed(name) for name in needed]):
        _take(world, mapping.feed)


def _column(feed, kinds):
    return next((item.name for item in contract_of(feed).fields if item.type.value in kinds), None)


def _with_cell(line, header, column, cell):
    cells = line.split(",")
    cells[header.split(",").index(column)] = cell
    return ",".join(cells)


def _damage(kind, feed, lines, seed):
    """Return the damaged lines, and the offsets that must be quarantined and that must be duplicates (None: not known)."""
    chance = random.Random(f"{kind}{feed}{seed}")
    header, rows = lines[0], lines[1:]
    hit = sorted(chance.sample(range(len(rows)), 4))
    if kind == "types":
        column = _column(feed, ("number", "date", "timestamp", "boolean"))
        for row in hit if column else ():
            rows[row] = _with_cell(rows[row], header, column, "12x4")
        return [header, *rows], set(hit) if column else set(), set()
    if kind == "copies":
        return [header, *rows, *(rows[row] for row in hit)], set(), set(range(40, 44))
    if kind == "references":
        column = next((item.name for item in contract_of(feed).fields if item.reference), None)
        for row in hit if column else ():
            rows[row] = _with_cell(rows[row], header, column, "hh_" + "e" * 20)
        return [header, *rows], set(hit) if column else set(), set()
    if kind == "keys":
        column = next(
            (i.name for i in contract_of(feed).fields if i.name not in contract_of(feed).key and i.type == "number"), None
        )
        clash = [_with_cell(rows[row], header, column, "2.25") for row in hit] if column else []
        return [header, *rows, *clash], set(range(40, 40 + len(clash))), set()
    if kind == "widths":
        for row in hit:
            rows[row] = chance.choice([rows[row] + ",more", "one", '"open,' + rows[row], ""])
        return [header, *rows], None if len(header.split(",")) == 1 else set(hit), set()
    for row in hit:  # garbage: one line in ten
        rows[row] = "".join(chance.choice(GARBAGE) for _ in range(chance.randrange(1, 60)))
    return [header, *rows], None, None


KINDS = ["types", "copies", "references", "keys", "widths", "garbage"]


@pytest.mark.parametrize("feed", FEEDS)
def test_nothing_is_lost_from_damaged_files(world, feed, tmp_path):
    _fill(world, feed)
    damaged = 0
    for kind in KINDS:
        for seed in range(3):
            lines, bad, copies = _damage(kind, feed, world.lines(feed), seed)
            file = tmp_path / f"{kind}{seed}.csv"
            file.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="")
            report = _take(world, feed, file, f"run_{kind}_{seed}")
            damaged += 1
            assert report.rows_in == len(lines) - 1 == report.accepted + report.quarantined + report.duplicates
            assert world.lake.arrow(feed).num_rows == report.accepted
            held = [row for row in world.lake.arrow(QUARANTINE).to_pylist() if row["status"] == "open" and row["feed"] == feed]
            assert len(held) == report.quarantined
            found = {row["source_offset"] for row in held}
            twice = {
                row["source_offset"]
                for row in world.lake.arrow(DUPLICATES).to_pylist()
                if row["source_digest"] == report.source_digest
            }
            assert (bad is None or found == bad) and (copies is None or twice == copies), kind
            assert all(
                json.loads(row["row"]) and row["rule_id"] and row["contract_version"] == report.contract_version for row in held
            )
            if kind == "garbage":
                assert found | twice <= {row for row in range(40) if lines[row + 1] != world.lines(feed)[row + 1]}
    assert damaged == 18  # 19 feeds make 342 files


def _whole_file_faults(lines, tmp_path):
    text = "\n".join(lines) + "\n"
    columns = {name: pa.array([line.split(",")[place] for line in lines[1:]]) for place, name in enumerate(lines[0].split(","))}
    pq.write_table(pa.table(columns), tmp_path / "whole.parquet")
    parquet = (tmp_path / "whole.parquet").read_bytes()
    without = "\n".join(",".join(["gone", *lines[0].split(",")[1:]]) if place == 0 else line for place, line in enumerate(lines))
    return [
        (text.encode("utf-16"), FileFormat(), WrongEncoding),
        (text.encode().replace(b"0", b"\xe9", 1), FileFormat(), WrongEncoding),
        (b"", FileFormat(), FileEmpty),
        ((lines[0] + "\n").encode(), FileFormat(), FileEmpty),
        (text.encode()[:-3], FileFormat(), FileCutOff),
        (without.encode() + b"\n", FileFormat(), ColumnsMissing),
        (parquet, FileFormat(), NotDeclaredFormat),
        (text.encode(), FileFormat("parquet"), NotDeclaredFormat),
        (parquet[: len(parquet) // 2], FileFormat("parquet"), FileCutOff),
        (parquet[:60] + bytes(len(parquet) - 120) + parquet[-60:], FileFormat("parquet"), FileDamaged),
        (b"", FileFormat("parquet"), FileEmpty),
        (b"PAR1PAR1", FileFormat("parquet"), FileCutOff),
    ]


@pytest.mark.parametrize("feed", FEEDS)
def test_a_file_that_cannot_be_taken_says_so_and_changes_nothing(world, feed, tmp_path, make_mapping):
    columns = tuple(item.name for item in contract_of(feed).fields)
    faults = _whole_file_faults(world.lines(feed), tmp_path)
    for number, (content, form, error) in enumerate(faults):
        file = tmp_path / f"fault{number}"
        file.write_bytes(content)
        with pytest.raises(error) as caught:
            list(read_batches(file, form, columns))
        assert str(file) in str(caught.value) and "Nothing was changed" in str(caught.value)
    assert len(faults) == 12
    _fill(world, feed)
    before = world.lake.state()
    with pytest.raises(WrongEncoding):
        _take(world, feed, tmp_path / "fault1")
    with pytest.raises(FileMissing):
        _take(world, feed, tmp_path / "nothing")
    assert world.lake.state() == before


def test_an_ingest_again_changes_nothing(world):
    for mapping in ordered_feeds(world.source.feeds):
        _take(world, mapping.feed)
    before = world.lake.state()
    reports = [_take(world, mapping.feed, run_id="run_2") for mapping in ordered_feeds(world.source.feeds)]
    assert all(report.unchanged and report.accepted == report.rows_in == 40 for report in reports)
    assert world.lake.state() == before
