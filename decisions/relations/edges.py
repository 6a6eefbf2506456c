"""Edge tables with every evidence column of the vocabulary (docs/vocabulary.md)."""

from dataclasses import dataclass, replace
from datetime import date, datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from decisions.relations.intervals import Estimate
from kg.evidence_columns import EVIDENCE_SCHEMA
from kg.ports import CHAIN
from kit.ids import stable_id

__all__ = [
    "ASSOCIATION",
    "EDGE_SCHEMA",
    "NATURAL_EXPERIMENT",
    "Candidates",
    "Provenance",
    "best_of_target",
    "edge_table",
]

ASSOCIATION = "association"
NATURAL_EXPERIMENT = "natural_experiment"

EDGE_SCHEMA = EVIDENCE_SCHEMA
"""An edge batch as `kg.ports.GraphWriter.replace_derived` takes it. `scope` is part of the key."""


@dataclass(frozen=True, slots=True)
class Provenance:
    """What wrote an edge, from what, and when it became known."""

    relation: str
    unit: str
    sources: tuple[str, ...]
    model_version: str
    run_id: str
    as_of: date
    recorded_at: datetime
    scope: str = CHAIN


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """Scored pairs as columns of one length: positions of both ends, the estimate, and what was observed.

    `first_day` and `last_day` are days since 1970. `tried` marks pairs whose target itself went away once, so that a natural
    experiment stands behind them; None: none.
    """

    source: np.ndarray
    target: np.ndarray
    estimate: Estimate
    events: np.ndarray
    support: np.ndarray
    first_day: np.ndarray
    last_day: np.ndarray
    tried: np.ndarray | None = None

    def take(self, rows: np.ndarray) -> "Candidates":
        """Return the named rows, by index or by mask."""
        estimate = Estimate(self.estimate.value[rows], self.estimate.low[rows], self.estimate.high[rows])
        return Candidates(
            self.source[rows], self.target[rows], estimate,
            self.events[rows], self.support[rows], self.first_day[rows], self.last_day[rows],
            None if self.tried is None else self.tried[rows],
        )  # fmt: skip

    def with_reverse(self) -> "Candidates":
        """Return every pair in both directions: first all as they are, then all turned round."""
        rows = np.tile(np.arange(self.source.size), 2)
        doubled = self.take(rows)
        ends = np.concatenate([self.source, self.target]), np.concatenate([self.target, self.source])
        return replace(doubled, source=ends[0], target=ends[1])

    def with_estimate(self, estimate: Estimate) -> "Candidates":
        """Return the same pairs with another estimate."""
        return replace(self, estimate=estimate)


def best_of_target(source: np.ndarray, target: np.ndarray, strength: np.ndarray, limit: int) -> np.ndarray:
    """Return a mask of each target's `limit` strongest sources; ties go to the smaller source position."""
    order = np.lexsort((source, -strength, target))
    ordered = target[order]
    starts = np.searchsorted(ordered, ordered)
    mask = np.zeros(target.size, dtype=bool)
    mask[order[np.arange(target.size) - starts < limit]] = True
    return mask


def edge_table(candidates: Candidates, product_ids: pa.Array, provenance: Provenance) -> pa.Table:
    """Return the candidates as an edge batch, sorted by source and target id."""
    if candidates.source.size == 0:
        return EDGE_SCHEMA.empty_table()
    order = np.lexsort((candidates.target, candidates.source))
    chosen = candidates.take(order)
    sources, targets = product_ids.take(pa.array(chosen.source)), product_ids.take(pa.array(chosen.target))
    observed = {
        "source": sources,
        "target": targets,
        "assertion_id": _assertion_ids(provenance, sources, targets),
        "strength": pa.array(chosen.estimate.value),
        "low": pa.array(chosen.estimate.low),
        "high": pa.array(chosen.estimate.high),
        "events": pa.array(chosen.events, pa.int64()),
        "support": pa.array(chosen.support, pa.int64()),
        "first_observed": pa.array(chosen.first_day.astype(np.int32), pa.date32()),
        "last_observed": pa.array(chosen.last_day.astype(np.int32), pa.date32()),
        "grade": _grades(chosen.tried, order.size),
    }
    columns = observed | _constant_columns(provenance, order.size)
    return pa.table([columns[name] for name in EDGE_SCHEMA.names], schema=EDGE_SCHEMA)


def _grades(tried: np.ndarray | None, rows: int) -> pa.Array:
    marks = np.zeros(rows, dtype=bool) if tried is None else tried
    return pc.if_else(pa.array(marks), NATURAL_EXPERIMENT, ASSOCIATION)


def _assertion_ids(provenance: Provenance, sources: pa.Array, targets: pa.Array) -> pa.Array:
    # one id at a time: every room must get the same id from `stable_id`; 0.5 s for 250,000 edges
    pairs = zip(sources.to_pylist(), targets.to_pylist(), strict=True)
    return pa.array([stable_id(provenance.relation, source, target, provenance.scope) for source, target in pairs], pa.string())


def _constant_columns(provenance: Provenance, rows: int) -> dict[str, pa.Array]:
    constants = {
        "unit": provenance.unit,
        "scope": provenance.scope,
        "sources": list(provenance.sources),
        "run_id": provenance.run_id,
        "model_version": provenance.model_version,
        "status": "active",
        # the relation is stated as of that day: a question about an earlier day must not see it
        "valid_from": provenance.as_of,
        "valid_to": None,
        "recorded_from": provenance.recorded_at,
        "recorded_to": None,
    }
    return {name: pa.repeat(pa.scalar(value, EDGE_SCHEMA.field(name).type), rows) for name, value in constants.items()}
