"""Feeds of things that no file lists in full: collected from every file in which they are seen."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from ingest.arrays import decoded, encoded, flat
from ingest.mapping import FeedMapping, Sighting
from ingest.parse import parse_text
from ingest.sources.batches import RawBatch, batches_of_table
from ingest.sources.configuration import SourceConfiguration
from ingest.sources.files import read_batches

__all__ = ["entity_batches", "entity_files"]


def entity_files(source: SourceConfiguration, mapping: FeedMapping, file: Path | None) -> tuple[Path, ...]:
    """Return every file that the feed is made from; `file` stands in for the feed's own, if given."""
    own = [file or source.path(str(mapping.file))] if mapping.file or file else []
    return (*own, *(source.path(sighting.file) for sighting in mapping.sightings))


def entity_batches(source: SourceConfiguration, mapping: FeedMapping, file: Path | None) -> Iterator[RawBatch]:
    """Stream the feed's own rows, then one row for each thing that is only seen elsewhere, in order of name.

    Such rows are numbered on from the feed's last row; the columns that nobody fills are null.
    """
    key = str(mapping.key_column)
    listed: set[str] = set()
    next_offset = 0
    if mapping.file or file:
        for batch in read_batches(file or source.path(str(mapping.file)), mapping.format, mapping.source_columns):
            listed.update(_distinct(batch.table, key))
            next_offset += batch.rows_in
            yield batch
    seen = _seen(source, mapping)
    extra = sorted(set(seen) - listed)
    table = pa.table(
        {
            name: pa.array([seen[item].get(name) if name != key else item for item in extra], pa.string())
            for name in mapping.source_columns
        }
    )
    for batch in batches_of_table(table, mapping.source_columns):
        yield RawBatch(batch.table, batch.offsets + next_offset)


def _seen(source: SourceConfiguration, mapping: FeedMapping) -> dict[str, dict[str, str]]:
    """Everything sighted, with the columns that sightings describe."""
    found: dict[str, dict[str, str]] = {}
    for sighting in mapping.sightings:
        for thing, description in _sighted(source, sighting).items():
            found.setdefault(thing, {}).update(description)
    return found


def _sighted(source: SourceConfiguration, sighting: Sighting) -> dict[str, dict[str, str]]:
    things: set[str] = set()
    words: dict[str, Counter[tuple[str, str]]] = {name: Counter() for name in sighting.most_frequent}
    columns = (sighting.column, *sighting.most_frequent)
    for batch in read_batches(source.path(sighting.file), sighting.format, columns):
        things.update(_distinct(batch.table, sighting.column))
        for name in sighting.most_frequent:
            words[name].update(_pairs(batch.table, sighting.column, name))
    described: dict[str, dict[str, str]] = {thing: {} for thing in things}
    for name, counts in words.items():
        # the most frequent word, the first in order of words where two are equally frequent
        for (thing, word), _ in sorted(counts.items(), key=lambda item: (-item[1], item[0][1])):
            described[thing].setdefault(name, word)
    return described


def _distinct(table: pa.Table, column: str) -> set[str]:
    values = encoded(flat(table.column(column)))
    used = np.unique(values.indices.drop_null().to_numpy(zero_copy_only=False))
    texts, _ = parse_text(values.dictionary.take(pa.array(used)))
    return {text for text in texts.to_pylist() if text is not None}


def _pairs(table: pa.Table, key: str, column: str) -> dict[tuple[str, str], int]:
    texts = pa.table({name: parse_text(decoded(flat(table.column(name))))[0] for name in (key, column)})
    counted = texts.group_by([key, column], use_threads=False).aggregate([([], "count_all")])
    rows = zip(*(counted.column(name).to_pylist() for name in (key, column, "count_all")), strict=True)
    return {(thing, word): count for thing, word, count in rows if thing is not None and word is not None}
