"""Feeds into the lake, kept as runs: a retailer's files, the simulated feeds, and another try for quarantined rows."""

from pathlib import Path
from typing import Any

from ingest import (
    IngestReport,
    ReplayReport,
    Retailer,
    SourceConfiguration,
    accept_tables,
    held_retailer,
    ingest_feed,
    ingest_feeds,
    replay,
    source_inputs,
)
from ingest.landing import land_rows
from ingest.simulate import simulate_feeds
from ingest.sources import file_digest
from kit.canonical import digest_of_bytes
from kit.progress import Progress
from lake import Lake
from pipeline.books import Books, RunNotes, kept_run
from pipeline.errors import NothingIngested
from pipeline.landing import at_home

__all__ = ["ingest_one_feed", "ingest_source", "replay_feed", "simulate_missing_feeds", "simulation_of"]

SIMULATED_FROM = ("products", "sales_lines")


def ingest_source(
    lake: Lake, books: Books, source: SourceConfiguration, *, pseudonym_key: bytes, progress: Progress
) -> IngestReport:
    """Load every feed of a source. Running it twice changes nothing."""
    inputs = source_inputs(source, source.feeds)
    with kept_run(books, "ingest", parameters={"source": source.name}, inputs=inputs) as notes:
        report = ingest_feeds(source, lake, pseudonym_key=pseudonym_key, run_id=notes.run_id, progress=progress)
        _note(notes, report)
        land_rows(lake, notes.run_id)  # a delivery replaces its table: what had landed there and it lacks is put back
    return report


def ingest_one_feed(
    lake: Lake,
    books: Books,
    source: SourceConfiguration,
    feed: str,
    file: Path | None,
    *,
    pseudonym_key: bytes,
    progress: Progress,
) -> IngestReport:
    """Load one feed, from another file than the source names, or from another folder, where one is given."""
    source, file = source.feed_at(feed, file) if file is not None else (source, None)
    inputs = source_inputs(source, [source.feed(feed)], file)
    with kept_run(books, "ingest", parameters={"source": source.name, "feed": feed}, inputs=inputs) as notes:
        loaded = ingest_feed(source, feed, lake, pseudonym_key=pseudonym_key, run_id=notes.run_id, progress=progress, file=file)
        report = IngestReport(source.name, notes.run_id, (loaded,))
        _note(notes, report)
        land_rows(lake, notes.run_id)
    return report


def simulate_missing_feeds(lake: Lake, books: Books, *, seed: int, progress: Progress) -> IngestReport:
    """Make the feeds that the source lacks, marked as simulated, and pass them through the same contracts.

    The retailer's time zone and what is assumed of it are those that its source declared. Raises: NothingIngested.
    """
    retailer = _retailer(lake)
    parameters, inputs = simulation_of(lake, seed)
    with kept_run(books, "simulate", parameters=parameters, inputs=inputs) as notes:
        with progress.stage("Simulating stock, lead times, costs and sessions"):
            tables = simulate_feeds(lake, time_zone=retailer.business_zone, assumptions=retailer.assumptions, seed=seed)
        report = accept_tables(tables, lake, run_id=notes.run_id, progress=progress)
        _note(notes, report)
        land_rows(lake, notes.run_id)
    return report


def simulation_of(lake: Lake, seed: int) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the parameters and the digests of the inputs under which a simulation is kept. Raises: NothingIngested."""
    retailer = _retailer(lake)
    parameters = {"seed": seed, "time_zone": retailer.business_zone, "assumptions": retailer.assumptions.as_yaml()}
    return parameters, {name: lake.version(name).digest for name in SIMULATED_FROM}


def _retailer(lake: Lake) -> Retailer:
    retailer = held_retailer(lake)
    if retailer is None:
        raise NothingIngested
    return retailer


def replay_feed(
    lake: Lake,
    books: Books,
    source: SourceConfiguration,
    feed: str,
    corrections: Path | None,
    *,
    pseudonym_key: bytes,
    progress: Progress,
) -> ReplayReport:
    """Give the quarantined rows of a feed another try against today's contract, references and corrections."""
    source = at_home(source.reading(feed, corrections), lake)
    mapping = source.feed(feed)
    inputs = {
        "quarantine": lake.version("quarantine").digest,
        f"contract:{feed}": mapping.contract.version,
        f"mapping:{feed}": digest_of_bytes(mapping.text.encode()),
    }
    if corrections is not None and corrections.is_file():
        inputs[f"file:{corrections.name}"] = file_digest(corrections)
    with kept_run(books, "replay", parameters={"source": source.name, "feed": feed}, inputs=inputs) as notes:
        report = replay(
            feed,
            lake,
            run_id=notes.run_id,
            progress=progress,
            source=source,
            corrections=corrections,
            pseudonym_key=pseudonym_key,
        )
        notes.figures.update({"restored": float(report.restored), "remaining": float(report.remaining)})
    return report


def _note(notes: RunNotes, report: IngestReport) -> None:
    for feed in report.feeds:
        notes.figures[f"{feed.feed}_rows_in"] = float(feed.rows_in)
        notes.figures[f"{feed.feed}_accepted"] = float(feed.accepted)
        notes.figures[f"{feed.feed}_quarantined"] = float(feed.quarantined)
        notes.figures[f"{feed.feed}_duplicates"] = float(feed.duplicates)
        notes.outputs[feed.feed] = feed.table.digest
