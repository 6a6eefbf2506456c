"""From facts to a published graph version: load, derive, publish. Each step can be run again and changes nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import pyarrow as pa

from decisions.relations import derive
from ingest.graph_load import GraphLoadReport, load_graph
from kg.algorithms import GraphAlgorithms
from kg.ports import GraphStore, GraphVersion
from kg.snapshot import publish_snapshot
from kit.clock import Clock
from kit.progress import Progress
from lake import Lake
from pipeline.books import Books, kept_run
from pipeline.derived import keep_rejections, sift_edges
from pipeline.errors import CountMismatch, NothingIngested
from pipeline.layout import HomeLayout
from pipeline.needs import NEED, SERVES, write_need_nodes
from pipeline.projections import keep_projections
from pipeline.what_ifs import note_recovery
from pipeline.written import WrittenGraph

__all__ = ["BuiltGraph", "build_graph", "last_full_day"]

LAST_DAY = "SELECT max(business_date) AS day FROM sales_lines"


@dataclass(frozen=True, slots=True)
class BuiltGraph:
    """A published version, and what was loaded and derived on the way."""

    version: GraphVersion
    load: GraphLoadReport
    edges: Mapping[str, pa.Table]
    rejected_edges: Mapping[str, int]
    """Derived edges that broke a shape and were left out, by relation."""
    run_id: str


def last_full_day(lake: Lake) -> date:
    """Return the newest business day of the sales: the demo's today. Raises: NothingIngested."""
    if "sales_lines" not in lake.names():
        raise NothingIngested
    day = lake.sql(LAST_DAY)["day"][0].as_py()
    if day is None:
        raise NothingIngested
    assert isinstance(day, date)
    return day


def build_graph(
    lake: Lake,
    store: GraphStore,
    algorithms: GraphAlgorithms,
    layout: HomeLayout,
    books: Books,
    *,
    as_of: date,
    clock: Clock,
    progress: Progress,
    seed: int,
) -> BuiltGraph:
    """Load all facts known on `as_of`, derive the first relations, and publish the snapshot that is served.

    Derived edges are held to the shapes as facts are: what breaks one, or has an end that does, is kept in the lake table
    `graph_rejections` and left out.

    Raises:
        CountMismatch: the store does not hold what was written; nothing was published.
    """
    inputs = {name: lake.version(name).digest for name in lake.names()}
    parameters = {"as_of": as_of, "seed": seed, "algorithms": type(algorithms).__name__}
    with kept_run(books, "graph", parameters=parameters, inputs=inputs) as notes:
        store.prepare()
        load = load_graph(lake, store, as_of=as_of, progress=progress)
        _check_counts(store, load.written)
        with progress.stage("Deriving relations") as stage:
            recorded_at = clock.now()
            found = derive(lake, algorithms, as_of=as_of, run_id=notes.run_id, recorded_at=recorded_at, seed=seed)
            needs = write_need_nodes(
                store, load.batches, found.edges["isBoughtWith"], algorithms, as_of=as_of,
                run_id=notes.run_id, recorded_at=recorded_at, seed=seed,
            )  # fmt: skip
            nodes = {**load.batches, NEED: needs.nodes}
            keep_projections(books, notes, algorithms.projections())
            sound = sift_edges({**found.edges, SERVES: needs.edges}, nodes)
            keep_rejections(lake, sound.rejections)
            edges = sound.edges
            for relation, rows in edges.items():
                stage.note(f"{relation}: {rows.num_rows:,}")
                store.replace_derived(relation, rows)
        _check_counts(store, {term: rows.num_rows for term, rows in {**edges, NEED: needs.nodes}.items()})
        written = WrittenGraph(store, {**nodes, **edges})
        version = publish_snapshot(written, layout.snapshots, schema=store.schema, as_of=as_of, clock=clock, progress=progress)
        notes.figures.update({f"nodes_and_edges_{term}": float(count) for term, count in load.written.items()})
        notes.figures.update({f"derived_{relation}": float(rows.num_rows) for relation, rows in edges.items()})
        notes.figures.update({f"ruled_{rule}": float(count) for rule, count in found.ruled.items()})
        notes.figures.update({f"rejected_{relation}": float(count) for relation, count in sound.rejected.items()})
        note_recovery(notes, found.model)
        notes.outputs["graph"] = version.digest
    return BuiltGraph(version, load, edges, sound.rejected, notes.run_id)


def _check_counts(store: GraphStore, written_by_term: Mapping[str, int]) -> None:
    found = store.counts()
    for term, written in written_by_term.items():
        if found[term] != written:
            raise CountMismatch(term, written, found[term])
