"""`shelfgraph ontology`: read the words that everything is derived from."""

from typing import Annotated

import typer

from cli.terminal import failing_clearly, show_json, show_table
from ontology.schema import load_schema

__all__ = ["app"]

app = typer.Typer(help="The ontology: labels, relations and properties.", no_args_is_help=True)


@app.command()
def show(as_json: Annotated[bool, typer.Option("--json", help="Print the whole schema as JSON.")] = False) -> None:
    """Show every label and relation with its gloss. Example: `shelfgraph ontology show`."""
    with failing_clearly():
        schema = load_schema()
    if as_json:
        show_json(
            {
                "version": schema.ontology_version,
                "digest": schema.digest,
                "nodes": dict(schema.nodes),
                "relations": dict(schema.relations),
            }
        )
        return
    labels = [(node.label, ", ".join(p.name for p in node.properties), node.gloss) for node in schema.nodes.values()]
    show_table(f"Labels of ontology {schema.ontology_version}", ("label", "properties", "meaning"), labels)
    relations = [(r.name, f"{r.source} → {r.target}", str(r.kind), r.gloss) for r in schema.relations.values()]
    show_table("Relations", ("relation", "joins", "kind", "meaning"), relations)
