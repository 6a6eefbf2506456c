"""Judging quarantined rows again: after a contract or a table they refer to changed, or with a corrected file.

A restored row is added to its feed's table once; its entry is closed with the run that restored it, and stays. When the process
dies between the two, the row is found in the table on the next replay and its entry is closed as a duplicate.
"""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingest.aggregate import AGGREGATED_OFFSETS, aggregate_rows
from ingest.agreement import about_groups, mark_disagreements
from ingest.arrays import decoded, flat, mask_of
from ingest.books import (
    DUPLICATE,
    DUPLICATES,
    OPEN,
    QUARANTINE,
    RESTORED,
    Refusal,
    RefusalOrigin,
    close_entries,
    entries,
    file_refusals,
    read_book,
)
from ingest.canonical import raw_rows_json
from ingest.conditions import broken_rows
from ingest.contract import LogicalType
from ingest.errors import CorrectionInvalid, CorrectionUnknown, KeyNeeded
from ingest.ledger import ledger_source, move_in_ledger
from ingest.mapping import FeedMapping
from ingest.parse import parse
from ingest.preparing import feed_rules, load_references, mark_rows, transform_context
from ingest.report import ReplayReport
from ingest.screening import Screening, about_keys, screen
from ingest.sources.batches import RawBatch
from ingest.sources.configuration import SourceConfiguration, load_source
from ingest.sources.files import read_batches
from ingest.spool import OFFSET, Spool
from ingest.transforms import HOUSEHOLD_PREFIX, KeptPseudonyms
from kit.ids import pseudonym
from kit.progress import Progress, SilentProgress
from lake.ports import Lake

__all__ = ["against_groups", "replay", "restore_corrected"]

CORRECTION_OFFSET = "source_offset"
"""Column of a file of corrections: the quarantine's source_offset of the row it corrects."""


def replay(
    feed: str,
    lake: Lake,
    *,
    run_id: str,
    progress: Progress | None = None,
    source: SourceConfiguration | None = None,
    corrections: Path | None = None,
    pseudonym_key: bytes | None = None,
) -> ReplayReport:
    """Judge the open quarantine rows of one feed again and restore those that now pass.

    `source` is the one that the feed was last ingested from; without it the shipped source of that name counts.

    `corrections` is a file like the feed's own (same format and columns) with a further column `source_offset`, the number
    under which the quarantine holds the row; rows without a correction are judged as they came. A correction may repeat the
    quarantine's pseudonym of a household or give the retailer's own number.
    Raises: SourceUnknown, CorrectionUnknown, CorrectionInvalid, KeyNeeded, FileFault; nothing was changed then.
    """
    source = source or load_source(ledger_source(lake, feed))
    mapping = source.feed(feed)
    held = _open_entries(lake, feed, source.name)
    rows = _raw_rows(mapping, held)
    if corrections is not None:
        rows |= _corrected(mapping, held, corrections, pseudonym_key)
    report = _judge_again(source, mapping, lake, held, rows, run_id=run_id, progress=progress or SilentProgress())
    move_in_ledger(lake, report)
    return report


def restore_corrected(feed: str, lake: Lake, source: SourceConfiguration, *, run_id: str) -> ReplayReport | None:
    """Put the rows right that were corrected before, after their table was made anew from the file; None where there are none.

    The feed's line in the ledger is left to the caller, who is about to write it.
    """
    mapping = source.feed(feed)
    held = {offset: entry for offset, entry in _open_entries(lake, feed, source.name).items() if entry["corrected_row"]}
    if not held:
        return None
    return _judge_again(source, mapping, lake, held, _raw_rows(mapping, held), run_id=run_id, progress=SilentProgress())


def _judge_again(
    source: SourceConfiguration,
    mapping: FeedMapping,
    lake: Lake,
    held: dict[int, dict[str, Any]],
    rows: dict[int, dict[str, str | None]],
    *,
    run_id: str,
    progress: Progress,
) -> ReplayReport:
    with progress.stage(f"replay {mapping.feed}", total=len(held)) as stage, Spool() as spool:
        work = Screening(
            contract=mapping.contract,
            mapping=replace(mapping, aggregation=None, personal=()),
            context=transform_context(source, mapping, lake, KeptPseudonyms()),
            references=load_references(mapping.contract, lake),
            spool=spool,
            # merged lines have no key of their own: they are added to the line of their key
            rules=tuple(rule for rule in feed_rules(mapping) if not (mapping.aggregation and about_keys(rule))),
        )
        screen(lambda: _batches(mapping, rows), work, stage)
        return _settle(source, lake, held, rows, work, run_id)


def _open_entries(lake: Lake, feed: str, source: str) -> dict[int, dict[str, Any]]:
    """The open entries of a feed by source offset. Superseded files have no open entries, so offsets are unique."""
    book = read_book(lake, QUARANTINE)
    mine = pc.and_(pc.and_(pc.equal(book["feed"], feed), pc.equal(book["source"], source)), pc.equal(book["status"], OPEN))
    return {entry["source_offset"]: entry for entry in book.filter(mine).to_pylist()}


def _raw_rows(mapping: FeedMapping, held: dict[int, dict[str, Any]]) -> dict[int, dict[str, str | None]]:
    """The raw cells of each entry, the corrected ones where a correction was accepted before; malformed lines have none."""
    found = {offset: json.loads(entry["corrected_row"] or entry["row"]) for offset, entry in held.items()}
    return {offset: row for offset, row in found.items() if set(mapping.source_columns) <= set(row)}


def _corrected(
    mapping: FeedMapping, held: dict[int, dict[str, Any]], file: Path, key: bytes | None
) -> dict[int, dict[str, str | None]]:
    corrected: dict[int, dict[str, str | None]] = {}
    plain = replace(mapping, personal=())
    for batch in read_batches(file, mapping.format, (*mapping.source_columns, CORRECTION_OFFSET), mapping.optional):
        offsets = _row_numbers(file, batch, set(corrected))
        cells = batch.table.drop_columns([CORRECTION_OFFSET])
        for offset, text in zip(offsets, raw_rows_json(plain, cells, np.arange(len(offsets)), KeptPseudonyms()), strict=True):
            corrected[offset] = json.loads(text)
    if unknown := tuple(sorted(set(corrected) - set(held))):
        raise CorrectionUnknown(mapping.feed, unknown)
    for offset, row in corrected.items():
        before = json.loads(held[offset]["row"])
        for name in mapping.personal:
            if row[name] is not None and row[name] != before.get(name):
                row[name] = _pseudonym(row[name], key)
    return corrected


def _row_numbers(file: Path, batch: RawBatch, taken: set[int]) -> list[int]:
    """The rows that the corrections of a batch are for. Raises: CorrectionInvalid."""
    numbers, unreadable = parse(decoded(flat(batch.table.column(CORRECTION_OFFSET))), LogicalType.INTEGER)
    wrong = unreadable | mask_of(pc.is_null(numbers))
    if wrong.any():
        raise CorrectionInvalid(file, int(batch.offsets[np.flatnonzero(wrong)[0]]), "has no whole number as its source_offset")
    offsets: list[int] = numbers.to_pylist()
    for place, offset in enumerate(offsets):
        if offset in taken:
            raise CorrectionInvalid(file, int(batch.offsets[place]), f"corrects the row {offset} once more")
        taken.add(offset)
    return offsets


def _pseudonym(value: str | None, key: bytes | None) -> str | None:
    if key is None:
        raise KeyNeeded
    return value if value is None else pseudonym(key, HOUSEHOLD_PREFIX, value)


def _batches(mapping: FeedMapping, rows: dict[int, dict[str, str | None]]) -> Iterator[RawBatch]:
    if rows:
        offsets = sorted(rows)
        columns = {name: pa.array([rows[offset][name] for offset in offsets], pa.string()) for name in mapping.source_columns}
        yield RawBatch(pa.table(columns), np.array(offsets, dtype=np.int64))


def _settle(
    source: SourceConfiguration,
    lake: Lake,
    held: dict[int, dict[str, Any]],
    rows: dict[int, dict[str, str | None]],
    work: Screening,
    run_id: str,
) -> ReplayReport:
    """Write what passes, then close its entries."""
    mapping = source.feed(work.contract.feed)
    feed = mapping.feed
    fresh = mark_rows(pa.concat_tables([*work.accepted_tables(), _nothing(mapping)]), mapping.contract, source)
    offsets = _spooled_offsets(work)
    fresh, offsets, astray = against_groups(mapping, lake, fresh, offsets)
    fresh, offsets, copies, taken = _against_table(mapping, lake.arrow(feed), fresh, offsets)
    rows_before = lake.version(feed).rows
    _add_rows(mapping, lake, fresh)
    table_rows = lake.version(feed).rows
    copies = copies | {refusal.offset for refusal in work.duplicates}
    closed = {held[offset]["id"]: RESTORED for offset in offsets} | {held[offset]["id"]: DUPLICATE for offset in copies}
    corrected = {
        held[offset]["id"]: json.dumps(rows[offset], ensure_ascii=False)
        for offset in offsets
        if _differs(held[offset], rows[offset])
    }
    _file_copies(lake, held, copies)
    close_entries(lake, closed, corrected, run_id)
    still = Counter(work.by_rule()) + Counter(astray) + Counter({"key.taken": len(taken)})
    return ReplayReport(
        feed=feed,
        examined=len(held),
        restored=len(offsets),
        duplicates=len(copies),
        remaining=len(held) - len(offsets) - len(copies),
        by_rule=dict(still),
        closed_by_rule=dict(Counter(held[offset]["rule_id"] for offset in (*offsets, *copies))),
        merged=len(offsets) - (table_rows - rows_before),
        table_rows=table_rows,
    )


def _nothing(mapping: FeedMapping) -> pa.Table:
    return pa.schema([(item.name, item.type.arrow) for item in mapping.contract.fields]).empty_table()


def _spooled_offsets(work: Screening) -> list[int]:
    offsets = [flat(table.column(OFFSET)).to_numpy() for table in work.spool.tables()]
    together = np.concatenate([np.empty(0, dtype=np.int64), *offsets])
    return [int(offset) for offset in together[~np.isin(together, work.removed)]]


def against_groups(
    mapping: FeedMapping, lake: Lake, fresh: pa.Table, offsets: list[int]
) -> tuple[pa.Table, list[int], list[str]]:
    """Set apart rows that disagree with the rows of their group in the table; returns the rules that they break."""
    rules = [rule for rule in feed_rules(mapping) if about_groups(rule)]
    table = lake.arrow(mapping.feed).cast(fresh.schema)
    broken: list[str] = []
    for rule in rules:
        group = next(condition.column for condition in rule.when if condition.test == "disagrees_in")
        held = table.filter(pc.is_in(table[group], value_set=fresh[group].combine_chunks()))
        marked = mark_disagreements(pa.concat_tables([held, fresh]), [rule])
        astray = broken_rows(rule, marked, {})[held.num_rows :]
        broken += [rule.id] * int(astray.sum())
        fresh, offsets = fresh.filter(pa.array(~astray)), np.array(offsets, dtype=np.int64)[~astray].tolist()
    return fresh, offsets, broken


def _against_table(
    mapping: FeedMapping, table: pa.Table, fresh: pa.Table, offsets: list[int]
) -> tuple[pa.Table, list[int], set[int], set[int]]:
    """Set apart what the table has already: exact copies, and rows whose key it gives to another row.

    Lines that are merged by key have no row of their own in the table, so nothing is set apart for them.
    """
    if mapping.aggregation or not fresh.num_rows:
        return fresh, offsets, set(), set()
    names = [item.name for item in mapping.contract.fields]
    old, new = (rows.select(names).to_pandas(types_mapper=None) for rows in (_keyed(mapping, table, fresh), fresh))
    marks = old.assign(old=True).merge(new.assign(place=range(len(new))), how="right", on=names)
    copy = marks.sort_values("place").drop_duplicates("place")["old"].notna().to_numpy()
    keys = old[list(mapping.contract.key)].drop_duplicates().assign(old=True)
    held = new[list(mapping.contract.key)].merge(keys, how="left", on=list(mapping.contract.key))["old"].notna().to_numpy()
    kept = ~held
    places = np.array(offsets)
    return fresh.filter(pa.array(kept)), places[kept].tolist(), set(places[copy].tolist()), set(places[held & ~copy].tolist())


def _keyed(mapping: FeedMapping, table: pa.Table, fresh: pa.Table) -> pa.Table:
    """The rows of the table that could share a key with the fresh ones."""
    first = mapping.contract.key[0]
    return table.filter(pa.array(mask_of(pc.is_in(table[first], value_set=fresh[first].combine_chunks()))))


def _add_rows(mapping: FeedMapping, lake: Lake, fresh: pa.Table) -> None:
    if not fresh.num_rows:
        return
    if mapping.aggregation is None:
        lake.append(mapping.feed, fresh)
        return
    table = pa.concat_tables([lake.arrow(mapping.feed).cast(fresh.schema), fresh])
    numbered = table.append_column(OFFSET, pa.array(np.arange(table.num_rows, dtype=np.int64)))
    marks = [numbered.column(name)[0] for name in ("simulated", "source")]
    merged = aggregate_rows([numbered.drop_columns(["simulated", "source"])], mapping.aggregation, mapping.contract)
    if merged is not None:
        rows = merged.drop_columns([OFFSET, AGGREGATED_OFFSETS])
        for name, mark in zip(("simulated", "source"), marks, strict=True):
            rows = rows.append_column(name, pa.repeat(mark, rows.num_rows))
        lake.replace(mapping.feed, rows.cast(fresh.schema).combine_chunks())


def _file_copies(lake: Lake, held: dict[int, dict[str, Any]], copies: set[int]) -> None:
    for offset in sorted(copies):
        entry = held[offset]
        origin = RefusalOrigin(
            *(entry[name] for name in ("feed", "contract_version", "source", "source_file", "source_digest", "run_id"))
        )
        refusal = Refusal(offset, entry["row"], "row.copy", ("row.copy",), "the table holds this row already")
        file_refusals(lake, DUPLICATES, entries(DUPLICATES, [refusal], origin), origin)


def _differs(entry: dict[str, Any], row: dict[str, str | None]) -> bool:
    return bool(json.loads(entry["row"]) != row)
