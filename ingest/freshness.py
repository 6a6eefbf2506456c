"""How old the facts are: the newest business day of every table, held against what its contract promises."""

from dataclasses import dataclass
from datetime import date, timedelta

import pyarrow as pa

from ingest.contract import Contract, shipped_contracts
from lake.ports import Lake

__all__ = ["Freshness", "freshness"]


@dataclass(frozen=True, slots=True)
class Freshness:
    """One table. `newest` is its newest business day, week or validity up to `as_of`; None where it holds no dated row."""

    table: str
    rows: int
    newest: date | None
    simulated: bool
    """Whether any row was made by a generator."""
    sources: tuple[str, ...]
    latency_days: float | None
    """What the contract allows; None where it promises nothing, because its facts bear no day."""
    late: bool
    """Whether the newest fact is older than the contract allows."""


def freshness(lake: Lake, as_of: date) -> tuple[Freshness, ...]:
    """Return the freshness of every table with a contract, by name, counting facts up to and including `as_of`."""
    return tuple(_freshness(lake, contract, as_of) for contract in shipped_contracts() if contract.feed in lake.names())


def _freshness(lake: Lake, contract: Contract, as_of: date) -> Freshness:
    table = lake.table(contract.feed)
    column = contract.freshness_column
    if column is not None:
        table = table.filter(table[column] <= as_of)
    newest = table[column].max() if column is not None else table.count().nullif(table.count())
    summary = lake.to_arrow(table.aggregate(rows=table.count(), newest=newest, simulated=table["simulated"].any())).to_pylist()[0]
    sources: pa.Table = lake.to_arrow(table.select("source").distinct().order_by("source"))
    day = summary["newest"] if column is not None else None
    return Freshness(
        table=contract.feed,
        rows=summary["rows"],
        newest=day,
        simulated=bool(summary["simulated"]),
        sources=tuple(sources.column("source").to_pylist()),
        latency_days=contract.latency_days,
        late=_late(contract, day, as_of),
    )


def _late(contract: Contract, newest: date | None, as_of: date) -> bool:
    if contract.latency_days is None:
        return False
    # a week is named by its Monday and told when it is over
    span = timedelta(days=contract.latency_days + (6 if contract.freshness_column == "week_start" else 0))
    return newest is None or newest + span < as_of
