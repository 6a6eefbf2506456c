"""Cypher for Graph Data Science: projections that aggregate what the product asks about."""

from kg.neo4j_store.cypher import GENERATION_PROPERTY, Statement, quoted
from kg.visibility import RETRACTED
from ontology.schema_types import NodeType, RelationDefinition, RelationKind

__all__ = [
    "DROP_PROJECTION",
    "END_WORK_ON_PROJECTION",
    "LIST_PROJECTIONS",
    "PROJECT_EMBEDDINGS",
    "PROJECT_GIVEN_EDGES",
    "PUBLISHED_GENERATION",
    "SERVER_VERSION",
    "internal_ids",
    "project_household_products",
    "project_relation",
]

PUBLISHED_GENERATION = Statement(
    "MATCH (turn:`_ShelfgraphTurn` {relation: $relation}) RETURN coalesce(turn.generation, 0) AS generation"
)

SERVER_VERSION = Statement("RETURN gds.version() AS version")
PROJECT_GIVEN_EDGES = Statement(
    "UNWIND $edges AS edge RETURN gds.graph.project($name, edge[0], edge[1], {relationshipProperties: {weight: edge[2]}}, "
    "{undirectedRelationshipTypes: $undirected}) AS projected"
)
"""Project edges that are sent along as `[source, target, weight]`, ends as numbers: nothing of the database is read."""
PROJECT_EMBEDDINGS = Statement(
    "UNWIND $embeddings AS one RETURN gds.graph.project($name, one[0], null, "
    "{sourceNodeProperties: {embedding: one[1]}, targetNodeProperties: null}) AS projected"
)
"""Project nodes without edges that are sent along as `[number, embedding]`."""
DROP_PROJECTION = Statement("CALL gds.graph.drop($name, false) YIELD graphName RETURN graphName")
LIST_PROJECTIONS = Statement(
    "CALL gds.graph.list() YIELD graphName, nodeCount, relationshipCount, creationTime WHERE graphName STARTS WITH $prefix "
    "RETURN graphName, nodeCount, relationshipCount, "
    "duration.inSeconds(creationTime, datetime()).milliseconds / 1000.0 AS age ORDER BY age DESC"
)
END_WORK_ON_PROJECTION = Statement(
    "SHOW TRANSACTIONS YIELD transactionId AS running, parameters AS given, currentQuery AS text "
    "WHERE any(name IN keys(given) WHERE given[name] = $projection) AND NOT text STARTS WITH 'SHOW TRANSACTIONS' "
    "TERMINATE TRANSACTIONS running YIELD transactionId AS ended RETURN ended"
)
"""End every transaction that works on a projection: those that name it among their parameters."""


def internal_ids(node_type: NodeType) -> Statement:
    """Return the server's number and the id of every node of a label: algorithms answer in numbers."""
    return Statement(f"MATCH (n:{quoted(node_type.label)}) RETURN id(n) AS node, n.id AS id")


def project_household_products(*, merchandise_only: bool) -> Statement:
    """Project one edge from each product to each household that bought it on or before `$as_of`.

    Products with fewer than `$minimum` households are left out. Baskets are walked household by household, each once.
    """
    wanted = " AND product.merchandise" if merchandise_only else ""
    return Statement(
        "MATCH (household:Household) CALL (household) { "
        "MATCH (household)<-[:madeBy]-(basket:Basket)-[:contains]->(product:Product) "
        f"WHERE basket.business_date <= $as_of{wanted} RETURN DISTINCT product }} "
        "WITH product, collect(household) AS households WHERE size(households) >= $minimum "
        "UNWIND households AS household "
        "RETURN gds.graph.project($name, product, household, "
        "{sourceNodeLabels: ['Product'], targetNodeLabels: ['Household']}, "
        "{undirectedRelationshipTypes: $undirected}) AS projected"
    )


def project_relation(definition: RelationDefinition, weight_property: str | None, *, dated: bool = False) -> Statement:
    """Project all nodes of a label and the published, not retracted edges of one relation between them.

    `dated` leaves out edges that are not valid on `$as_of`.
    """
    conditions = [f"edge.{GENERATION_PROPERTY} = $generation"] if definition.kind is RelationKind.DERIVED else []
    if any(p.name == "status" for p in definition.properties):
        conditions.append(f"(edge.status IS NULL OR edge.status <> '{RETRACTED}')")
    if dated:
        conditions.append("(edge.valid_from IS NULL OR edge.valid_from <= $as_of)")
        conditions.append("(edge.valid_to IS NULL OR edge.valid_to > $as_of)")
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    weight = f"coalesce(toFloat(edge.{quoted(weight_property)}), 0.0)" if weight_property else "1.0"
    label = quoted(definition.source)
    return Statement(
        f"MATCH (one:{label}) OPTIONAL MATCH (one)-[edge:{quoted(definition.name)}]->(other:{label}){where} "
        f"RETURN gds.graph.project($name, one, other, {{relationshipProperties: {{weight: {weight}}}}}, "
        "{undirectedRelationshipTypes: $undirected}) AS projected"
    )
