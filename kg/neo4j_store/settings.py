"""How patient the adapter is, and how large its transactions are. The driver's own defaults are far too patient for serving."""

from dataclasses import dataclass

from kg.ports import ATOMIC_ROWS

__all__ = ["Neo4jSettings"]


@dataclass(frozen=True, slots=True)
class Neo4jSettings:
    """Seconds are limits for one call; rows are per transaction."""

    read_timeout_seconds: float = 5.0
    path_timeout_seconds: float = 20.0
    """For a path search, whose statements are planned anew for each set of relations and may walk far."""
    write_timeout_seconds: float = 60.0
    """For one batch."""
    bulk_timeout_seconds: float = 900.0
    """For an export, and for a writer's turn on a relation."""
    acquire_timeout_seconds: float = 2.0
    connect_timeout_seconds: float = 3.0
    retry_seconds: float = 5.0
    """How long a read that failed for a passing reason is tried again."""
    first_retry_seconds: float = 0.05
    """How long before the first retry; each further one waits twice as long. A reader may meet a node whose edges are being laid
    out anew, and the server then asks to come back."""
    write_retry_seconds: float = 60.0
    """The same for a batch: parallel writers may have to give way to each other several times."""
    pool_size: int = 50
    liveness_seconds: float = 30.0
    batch_rows: int = ATOMIC_ROWS
    """Rows of one transaction. Fewer than the port's `ATOMIC_ROWS` are for tests: readers then see smaller portions."""
    writers: int = 2
    """Sessions that write batches of one call side by side."""
    always_merge: bool = False
    """Merge every row also where nothing can be there to merge with: the plain recipe, kept for measuring against it."""
    database: str = "neo4j"
