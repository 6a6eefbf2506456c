"""`shelfgraph graph`: build, publish, look at and export the graph."""

from pathlib import Path
from typing import Annotated

import pyarrow as pa
import pyarrow.parquet as pq
import typer

from api.wiring import Installation
from cli.terminal import console, failing_clearly, progress_for, show_json, show_table
from kg.algorithms import ProjectionInfo
from kit.clock import SystemClock
from pipeline.projections import projections_behind

__all__ = ["app"]

app = typer.Typer(help="Build the graph from the facts, publish it, look at it.", no_args_is_help=True)
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object for programs.")]


@app.command()
def build(
    fresh: Annotated[bool, typer.Option("--fresh", help="Empty the store first.")] = False,
    as_json: AsJson = False,
) -> None:
    """Load the lake's facts into the store, derive the relations and publish a new version.

    Example: `shelfgraph graph build`. Running it twice changes nothing. SHELFGRAPH_STORE chooses embedded or neo4j.
    """
    with failing_clearly():
        built = Installation.open().build(progress_for(as_json=as_json), fresh=fresh)
    if as_json:
        load = {"read": built.load.read, "written": built.load.written, "rejected": built.load.rejected}
        derived = {relation: table.num_rows for relation, table in built.edges.items()}
        show_json({"version": built.version, "load": load, "derived": derived, "derived_rejected": built.rejected_edges})
        return
    rows = [(term, built.load.read[term], written, built.load.rejected[term]) for term, written in built.load.written.items()]
    for relation, table in built.edges.items():
        left_out = built.rejected_edges.get(relation, 0)
        rows.append((relation, table.num_rows + left_out, table.num_rows, left_out))
    show_table("In the graph", ("label or relation", "read", "written", "rejected"), rows)
    if rejected := sum(built.load.rejected.values()) + sum(built.rejected_edges.values()):
        console.print(f"{rejected:,} rows break a shape of the ontology; they wait in the lake table `graph_rejections`.")
    console.print(f"Published {built.version.id} as of {built.version.as_of}. Next: `shelfgraph train`.")


@app.command()
def status(as_json: AsJson = False) -> None:
    """Show the published version, how much is in it, and how old the projections behind its relations are.

    Example: `shelfgraph graph status`.
    """
    with failing_clearly():
        installation = Installation.open()
        graph = installation.snapshot()
        counts = dict(graph.counts())
        projections = projections_behind(installation.books, graph.version)
    version = graph.version
    if as_json:
        show_json({"version": version, "counts": counts, "projections": projections})
        return
    show_table(f"Graph {version.id}, as of {version.as_of}", ("label or relation", "count"), list(counts.items()))
    if projections:
        now = SystemClock().now()
        rows = [_projection_row(one, one.age_seconds(now)) for one in projections]
        show_table("Graph algorithms looked at", ("algorithm", "content", "as of", "age", "nodes", "edges", "engine"), rows)


def _projection_row(one: ProjectionInfo, age_seconds: float) -> tuple[object, ...]:
    engine = f"{one.engine} {one.server_version or ''} ({one.engine_version})".replace("  ", " ")
    age = f"{age_seconds / 3600:.1f} h"
    return one.algorithm, one.content, one.as_of or "as published", age, one.nodes, one.relationships, engine


@app.command()
def versions(as_json: AsJson = False) -> None:
    """List the published versions, the oldest first: what `shelfgraph relations diff` can compare.

    Example: `shelfgraph graph versions`.
    """
    with failing_clearly():
        installation = Installation.open()
        current, found = installation.snapshot().version.id, installation.graph_versions().published()
    if as_json:
        show_json({"current": current, "versions": found})
        return
    rows = [(one.id, one.as_of, one.built_at.isoformat(timespec="seconds"), one.ontology_version) for one in found]
    show_table(f"Published versions, {current} is current", ("id", "as of", "built at", "ontology"), rows)


@app.command()
def verify(as_json: AsJson = False) -> None:
    """Read every byte of the published version and compare its digests. Example: `shelfgraph graph verify`."""
    with failing_clearly():
        graph = Installation.open().snapshot()
        graph.verify()
    if as_json:
        show_json({"version": graph.version, "whole": True})
    else:
        console.print(f"{graph.version.id}: every file is as it was published.")


@app.command()
def export(
    folder: Annotated[Path, typer.Argument(help="Folder for one Parquet file per label and relation.")],
    as_json: AsJson = False,
) -> None:
    """Write the published version as Parquet files. Example: `shelfgraph graph export ./graph-export`."""
    with failing_clearly():
        graph = Installation.open().snapshot()
        folder.mkdir(parents=True, exist_ok=True)
        rows = {term: _written(folder, term, graph.export_nodes(term)) for term in graph.schema.nodes}
        rows |= {term: _written(folder, term, graph.export_edges(term)) for term in graph.schema.relations}
    if as_json:
        show_json({"version": graph.version, "folder": str(folder.resolve()), "rows": rows})
    else:
        console.print(f"{len(rows)} files in {folder}.")


def _written(folder: Path, term: str, rows: pa.Table) -> int:
    pq.write_table(rows, folder / f"{term}.parquet")
    return int(rows.num_rows)
