"""Judging one feed from its first row to its last: what is accepted waits in a spool, what is refused is named."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import pyarrow as pa

from ingest.aggregate import AGGREGATED_OFFSETS, aggregate_rows
from ingest.agreement import about_groups, mark_disagreements, suspect_rows
from ingest.arrays import decoded, flat
from ingest.books import Refusal
from ingest.canonical import canonicalise, raw_line_json, raw_rows_json
from ingest.conditions import KEY_TAKEN, ROW_COPY, UNREADABLE, References, Rule
from ingest.contract import Contract
from ingest.keys import Hashes, key_hashes, mark_repeats, repeated, rows_with_hashes
from ingest.mapping import FeedMapping
from ingest.sources.batches import Offsets, RawBatch
from ingest.spool import OFFSET, Spool
from ingest.transforms import TransformContext
from ingest.validate import Rejection, judge
from kit.progress import Stage

__all__ = ["MALFORMED", "ReadAgain", "Screening", "about_keys", "screen"]

MALFORMED = "line.malformed"
ReadAgain: TypeAlias = Callable[[], Iterable[RawBatch]]
"""Reads the same rows from the start."""


@dataclass
class Screening:
    """One feed while it is judged. `removed` are offsets in the spool that a key rule took out again."""

    contract: Contract
    mapping: FeedMapping
    context: TransformContext
    references: References
    spool: Spool
    rules: tuple[Rule, ...]
    rows_in: int = 0
    rejected: list[Refusal] = field(default_factory=list)
    duplicates: list[Refusal] = field(default_factory=list)
    flagged: Counter[str] = field(default_factory=Counter)
    removed: Offsets = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    merged: int = 0

    @property
    def table_rows(self) -> int:
        """Rows that will be written."""
        return self.spool.rows - len(self.removed)

    def by_rule(self) -> dict[str, int]:
        """Refused rows by the rule that decided."""
        return dict(Counter(refusal.rule_id for refusal in [*self.rejected, *self.duplicates]))

    def accepted_tables(self) -> Iterator[pa.Table]:
        """The accepted rows, plain columns of the contract, batch by batch."""
        names = [item.name for item in self.contract.fields]
        for table in self.spool.tables():
            kept = (
                table.filter(pa.array(~np.isin(flat(table.column(OFFSET)).to_numpy(), self.removed)))
                if len(self.removed)
                else table
            )
            yield pa.table({name: decoded(flat(kept.column(name))) for name in names})


def screen(read: ReadAgain, work: Screening, stage: Stage) -> None:
    """Judge all rows that `read` yields; afterwards `work` holds what became of each. Raises: FileFault."""
    hashes: list[Hashes] = []
    row_rules = [rule for rule in work.rules if not about_keys(rule) and not about_groups(rule)]
    for raw in read():
        accepted = _screen_batch(raw, row_rules, work)
        hashes.append(key_hashes(accepted, work.contract.key))
        work.spool.write(accepted)
        stage.advance(raw.rows_in)
    if _screen_groups(read, work):
        hashes = [key_hashes(table, work.contract.key) for table in work.spool.tables()]
    if work.mapping.aggregation:
        hashes = [_aggregate(work)]
    _screen_keys(read, repeated(hashes), work)


def _screen_batch(raw: RawBatch, rules: Sequence[Rule], work: Screening) -> pa.Table:
    """Judge one batch by itself and return its accepted rows with their offsets."""
    work.rows_in += raw.rows_in
    _refuse_malformed(raw, work)
    canonical = canonicalise(work.mapping, raw.table, work.context)
    judgement = judge(canonical, rules, work.references)
    work.flagged.update(judgement.flagged)
    work.rejected += _refusals(raw, judgement.rejected, work)
    work.duplicates += _refusals(raw, judgement.duplicates, work)
    kept = [name for name in canonical.column_names if not name.startswith(UNREADABLE)]
    accepted = canonical.select(kept).append_column(OFFSET, pa.array(raw.offsets))
    return accepted.filter(pa.array(judgement.accepted)) if not judgement.accepted.all() else accepted


def _refuse_malformed(raw: RawBatch, work: Screening) -> None:
    rows = raw_line_json(work.mapping, raw.malformed, work.context.pseudonyms)
    for line, row in zip(raw.malformed, rows, strict=True):
        text = f"the line has {len(line.fields)} fields or its quotes do not close"
        work.rejected.append(Refusal(line.offset, row, MALFORMED, (MALFORMED,), text))


def _refusals(raw: RawBatch, rejections: Sequence[Rejection], work: Screening) -> list[Refusal]:
    if not rejections:
        return []
    rows = raw_rows_json(work.mapping, raw.table, [rejection.row for rejection in rejections], work.context.pseudonyms)
    return [
        Refusal(
            offset=int(raw.offsets[rejection.row]),
            row=row,
            rule_id=rejection.rules[0].id,
            violations=tuple(rule.id for rule in rejection.rules),
            message=rejection.rules[0].text,
        )
        for rejection, row in zip(rejections, rows, strict=True)
    ]


def _screen_groups(read: ReadAgain, work: Screening) -> bool:
    """Refuse rows that disagree with the first row of their group. Returns whether there were any."""
    rules = [rule for rule in work.rules if about_groups(rule)]
    rows = suspect_rows(work.spool.tables, rules) if rules else None
    if rows is None:
        return False
    judgement = judge(mark_disagreements(rows, rules), rules, work.references)
    offsets = rows.column(OFFSET).to_numpy()
    lost = {int(offsets[rejection.row]): (rejection, work.rejected) for rejection in judgement.rejected}
    _refuse_repeats(read, lost, work)
    work.spool.drop(np.array(sorted(lost), dtype=np.int64))
    return bool(lost)


def _aggregate(work: Screening) -> Hashes:
    """Merge lines of one key as declared; the spool then holds the merged lines. Returns their key hashes."""
    lines = work.spool.rows
    table = aggregate_rows(work.spool.tables(), work.mapping.aggregation, work.contract)
    work.spool.restart()
    if table is None:
        return np.empty(0, dtype=np.uint64)
    work.spool.write(table)
    work.merged = lines - table.num_rows
    return key_hashes(table, work.contract.key)


def _screen_keys(read: ReadAgain, suspects: Hashes, work: Screening) -> None:
    """Judge rows that share a key: the first stays, exact copies are duplicates, the others are refused."""
    if not len(suspects):
        return
    found = rows_with_hashes(work.spool.tables(), work.contract.key, suspects)
    if found is None:
        return
    sources = found.column(AGGREGATED_OFFSETS) if AGGREGATED_OFFSETS in found.column_names else None
    rows = found.drop_columns([AGGREGATED_OFFSETS]) if sources is not None else found
    judgement = judge(mark_repeats(rows, work.contract.key), [rule for rule in work.rules if about_keys(rule)], work.references)
    fates = [(rejection, work.rejected) for rejection in judgement.rejected] + [
        (copy, work.duplicates) for copy in judgement.duplicates
    ]
    lost: dict[int, tuple[Rejection, list[Refusal]]] = {}
    for rejection, book in fates:
        offsets = sources[rejection.row].as_py() if sources is not None else [rows.column(OFFSET)[rejection.row].as_py()]
        lost |= dict.fromkeys(offsets, (rejection, book))
        work.merged -= len(offsets) - 1
    work.removed = np.sort(rows.column(OFFSET).to_numpy()[[rejection.row for rejection, _ in fates]])
    _refuse_repeats(read, lost, work)


def _refuse_repeats(read: ReadAgain, lost: dict[int, tuple[Rejection, list[Refusal]]], work: Screening) -> None:
    """Read the source again for the rows as they came."""
    wanted = np.array(sorted(lost), dtype=np.int64)
    for raw in read():
        here = np.flatnonzero(np.isin(raw.offsets, wanted)).tolist()
        for book in (work.rejected, work.duplicates):
            fates = [(place, lost[int(raw.offsets[place])]) for place in here]
            book.extend(
                _refusals(raw, [Rejection(place, rejection.rules) for place, (rejection, own) in fates if own is book], work)
            )


def about_keys(rule: Rule) -> bool:
    """Whether the rule compares rows by key, which needs the whole file."""
    return bool({ROW_COPY, KEY_TAKEN} & set(rule.columns))
