"""Online events become facts: rows of `online_events`, and of them what the retailer's own tables lack.

A table's row counts, whoever wrote it: what a delivery says of a receipt, a visit or a week stays, and an event adds only what is
missing. So landing twice adds nothing, and landing again after a delivery replaced a table puts back what the delivery lacks.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from governance.records import RefusedLine
from ingest.books import QUARANTINE, Refusal, RefusalOrigin, add_refusals, entries
from ingest.contract import Contract, shipped_contracts
from ingest.landing_queries import LANDED_TABLES, LandedTable
from ingest.ledger import enter_ledger
from ingest.mapping import FeedMapping
from ingest.online_events import ONLINE_EVENTS, rows_of_contents
from ingest.plain_mapping import plain_mapping
from ingest.preparing import load_references, mark_rows, transform_context
from ingest.replay import against_groups
from ingest.report import FeedReport
from ingest.screening import Screening, screen
from ingest.sources.batches import RawBatch, batches_of_table
from ingest.sources.configuration import ONLINE, SourceConfiguration, load_source
from ingest.spool import OFFSET, Spool
from ingest.transforms import KeptPseudonyms
from kit.ids import stable_id
from kit.progress import SilentProgress
from lake.ports import Lake

__all__ = ["file_refused_events", "land_rows", "write_events"]

EVENTS_FILE = "events"
LAST_DAY = "SELECT max(business_date) AS day FROM online_events"


def write_events(lake: Lake, contents: Iterable[bytes], run_id: str) -> FeedReport:
    """Add accepted events to the table `online_events`, each line once, and enter the ledger."""
    source = load_source(ONLINE)
    (mapping,) = source.feeds
    names = [item.name for item in mapping.contract.fields]
    schema = pa.schema([(item.name, item.type.arrow) for item in mapping.contract.fields])
    rows = [{name: row.get(name) for name in names} for row in rows_of_contents(contents)]
    told = pa.Table.from_pylist([_dated(row) for row in rows], schema)
    known = lake.arrow(ONLINE_EVENTS, ("event_id",)).column("event_id").combine_chunks()
    fresh = told.filter(pc.invert(pc.is_in(told["event_id"], value_set=known)))
    if fresh.num_rows:
        lake.append(ONLINE_EVENTS, mark_rows(fresh, mapping.contract, source))
    report = _report(lake, mapping.contract, told.num_rows, fresh.num_rows, ())
    enter_ledger(lake, report, ONLINE, report.source_digest, run_id)
    return report


def file_refused_events(lake: Lake, refused: Sequence[tuple[int, RefusedLine]], run_id: str) -> int:
    """Enter refused lines of events into the quarantine, each once, and return how many were new."""
    (mapping,) = load_source(ONLINE).feeds
    refusals = [Refusal(number, line.row, line.rule_id, line.violations, line.message) for number, line in refused]
    return _quarantine(lake, mapping.contract, refusals, run_id)


def land_rows(lake: Lake, run_id: str, *, through: date | None = None) -> tuple[FeedReport, ...]:
    """Add to each table what `online_events` holds and the table lacks.

    Business days up to `through` count, the last one there unless named.

    A week's stock is a fact when the week is over. A table without a contract is left alone.
    """
    if ONLINE_EVENTS not in lake.names() or not lake.version(ONLINE_EVENTS).rows:
        return ()
    contracts = {contract.feed for contract in shipped_contracts()}
    source, last = load_source(ONLINE), through or lake.sql(LAST_DAY)["day"][0].as_py()
    return tuple(_land(lake, source, table, run_id, last) for table in LANDED_TABLES if table.feed in contracts)


def _land(lake: Lake, source: SourceConfiguration, table: LandedTable, run_id: str, through: date) -> FeedReport:
    mapping = plain_mapping(table.feed)
    if table.feed not in lake.names():
        lake.replace(table.feed, mapping.contract.table_schema.empty_table())
    bounds = {"through": through}
    told = int(lake.sql(table.count, bounds)["rows"][0].as_py())
    lacking = lake.sql(table.lacking, bounds)
    judged = _judge(lake, source, mapping, lacking)
    if judged.fresh.num_rows:
        lake.append(table.feed, judged.fresh)
    _quarantine(lake, mapping.contract, judged.refused, run_id)
    return _report(lake, mapping.contract, told, judged.fresh.num_rows, judged.refused)


@dataclass(frozen=True, slots=True)
class _Judged:
    """Rows that the contract accepts, as rows of the table, and those that it refuses."""

    fresh: pa.Table
    refused: list[Refusal]


def _judge(lake: Lake, source: SourceConfiguration, mapping: FeedMapping, rows: pa.Table) -> _Judged:
    def read() -> Iterator[RawBatch]:
        return batches_of_table(rows, mapping.source_columns)

    with Spool() as spool, SilentProgress().stage(mapping.feed) as stage:
        work = Screening(
            contract=mapping.contract,
            mapping=mapping,
            context=transform_context(source, mapping, lake, KeptPseudonyms()),
            references=load_references(mapping.contract, lake),
            spool=spool,
            rules=mapping.contract.rules,
        )
        screen(read, work, stage)
        plain = pa.schema([(item.name, item.type.arrow) for item in mapping.contract.fields]).empty_table()
        fresh = mark_rows(pa.concat_tables([*work.accepted_tables(), plain]), mapping.contract, source)
        offsets = [int(place) for table in spool.tables() for place in table.column(OFFSET).to_pylist()]
        offsets = [place for place in offsets if place not in set(work.removed.tolist())]
    fresh, kept, broken = against_groups(mapping, lake, fresh, offsets)
    astray = sorted(set(offsets) - set(kept))
    texts = {rule.id: rule.text for rule in mapping.contract.rules}
    late = [Refusal(place, _text(rows, place), rule, (rule,), texts[rule]) for place, rule in zip(astray, broken, strict=True)]
    return _Judged(fresh, [*work.rejected, *work.duplicates, *late])


def _text(rows: pa.Table, place: int) -> str:
    (row,) = rows.slice(place, 1).to_pylist()
    return json.dumps({name: None if value is None else str(value) for name, value in row.items()}, ensure_ascii=False)


def _quarantine(lake: Lake, contract: Contract, refusals: Sequence[Refusal], run_id: str) -> int:
    """Enter refusals under numbers of their own: those of the event book, or made from a row that has no place in a file."""
    origin = RefusalOrigin(contract.feed, contract.version, ONLINE, EVENTS_FILE, EVENTS_FILE, run_id)
    if contract.feed == ONLINE_EVENTS:
        return add_refusals(lake, entries(QUARANTINE, list(refusals), origin))
    numbered = [Refusal(_number(one.row), one.row, one.rule_id, one.violations, one.message) for one in refusals]
    return add_refusals(lake, entries(QUARANTINE, numbered, origin)) if numbered else 0


def _number(row: str) -> int:
    return int(stable_id(row)[:15], 16)


def _report(lake: Lake, contract: Contract, told: int, added: int, refused: Sequence[Refusal]) -> FeedReport:
    by_rule: dict[str, int] = {}
    for refusal in refused:
        by_rule[refusal.rule_id] = by_rule.get(refusal.rule_id, 0) + 1
    version = lake.version(contract.feed)
    return FeedReport(
        feed=contract.feed,
        contract_version=contract.version,
        rows_in=told,
        accepted=added,
        quarantined=len(refused),
        duplicates=told - added - len(refused),
        merged=0,
        by_rule=by_rule,
        flagged={},
        table=version,
        unchanged=added == 0,
        source_digest=version.digest,
        seconds=0.0,
    )


def _dated(row: dict[str, object]) -> dict[str, object]:
    """Return a row with its instant and its day as such: in the book they are texts."""
    moment = np.datetime64(str(row["happened_at"]).removesuffix("+00:00"), "us")
    return {**row, "happened_at": moment.astype(object), "business_date": date.fromisoformat(str(row["business_date"]))}
