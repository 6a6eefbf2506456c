"""Both engines over the same world: Graph Data Science on the real server, sparse matrices on the tables."""

from contextlib import closing

import pytest

from kg.algorithms import GdsAlgorithms, PortableAlgorithms
from ontology.schema import load_schema
from tests.algorithms.small_world import planted_retailer, table_graph


@pytest.fixture(scope="package")
def both(neo4j_server, prepared_neo4j):
    tables = planted_retailer()
    prepared_neo4j.clear()
    schema = load_schema()
    for name, rows in tables.items():
        if name in schema.nodes:
            prepared_neo4j.upsert_nodes(name, rows)
    for name in ("madeBy", "contains"):
        prepared_neo4j.upsert_edges(name, tables[name])
    # replaced twice, so that algorithms that looked at unpublished edges would see some
    prepared_neo4j.replace_derived("similarTo", tables["similarTo"].slice(0, 5))
    prepared_neo4j.replace_derived("similarTo", tables["similarTo"])
    with closing(GdsAlgorithms(neo4j_server.uri, neo4j_server.user, neo4j_server.password, schema)) as gds:
        yield gds, PortableAlgorithms(table_graph(tables), schema)
        assert gds.held_projections() == ()
