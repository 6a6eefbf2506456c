"""Feeds that the demo data lacks, made from its real demand. Every row says `simulated = true`."""

from ingest.simulate.assumptions import Assumptions
from ingest.simulate.feeds import SIMULATED_TABLES, simulate_feeds

__all__ = ["SIMULATED_TABLES", "Assumptions", "simulate_feeds"]
