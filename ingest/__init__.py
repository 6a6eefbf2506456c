"""From a retailer's files to facts in the lake: contracts, mappings, quarantine."""

from ingest.conditions import Rule, Severity
from ingest.contract import Contract, contract_of, shipped_contracts
from ingest.errors import FileFault, IngestError
from ingest.feeds import ingest_feed, ingest_feeds
from ingest.freshness import Freshness, freshness
from ingest.home import Retailer, held_retailer
from ingest.inputs import source_inputs
from ingest.replay import replay
from ingest.report import FeedReport, IngestReport, ReplayReport
from ingest.sources import SourceConfiguration, load_source, shipped_sources
from ingest.tables import accept_tables, validate_tables

__all__ = [
    "Contract",
    "FeedReport",
    "FileFault",
    "Freshness",
    "IngestError",
    "IngestReport",
    "ReplayReport",
    "Retailer",
    "Rule",
    "Severity",
    "SourceConfiguration",
    "accept_tables",
    "contract_of",
    "freshness",
    "held_retailer",
    "ingest_feed",
    "ingest_feeds",
    "load_source",
    "replay",
    "shipped_contracts",
    "shipped_sources",
    "source_inputs",
    "validate_tables",
]
