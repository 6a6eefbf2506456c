"""Every Cypher statement of the adapter, as named builders.

Labels, relations and property names come from the schema alone, quoted; all values are parameters. Columns travel as one list per
column. Derived edges carry an internal generation (see `kg.neo4j_store.generations`) that no reader shows.
"""

from collections.abc import Iterable, Sequence
from typing import NewType

from kg.columns import edge_columns, node_columns
from kg.ports import Direction
from kg.visibility import RETRACTED, STRENGTH, Visibility
from ontology.schema_types import GraphSchema, NodeType, PropertyDefinition, PropertyKind, RelationDefinition, RelationKind

__all__ = [
    "AWAIT_INDEXES",
    "CLEAR_TURNS",
    "GENERATIONS",
    "GENERATION_PROPERTY",
    "PUBLISH_GENERATION",
    "SCHEMA_NAMES",
    "TAKE_TURN",
    "Statement",
    "count_edges",
    "count_household_edges",
    "count_nodes",
    "delete_all_edges",
    "delete_all_nodes",
    "delete_other_generations",
    "erase_household",
    "export_edges",
    "export_nodes",
    "missing_ids",
    "nodes_by_ids",
    "paths_of_length",
    "related_edges",
    "repertoires",
    "schema_statements",
    "write_edges",
    "write_nodes",
]

Statement = NewType("Statement", str)

GENERATION_PROPERTY = "_generation"
DELETE_ROWS = 20_000

TURN_CONSTRAINT_NAME = "shelfgraph_turn"
TURN_CONSTRAINT = Statement(
    f"CREATE CONSTRAINT `{TURN_CONSTRAINT_NAME}` IF NOT EXISTS FOR (turn:`_ShelfgraphTurn`) REQUIRE turn.relation IS UNIQUE"
)
SCHEMA_NAMES = Statement("SHOW INDEXES YIELD name RETURN name")
TAKE_TURN = Statement(
    "MERGE (turn:`_ShelfgraphTurn` {relation: $relation}) SET turn.writer = $writer RETURN coalesce(turn.generation, 0)"
)
PUBLISH_GENERATION = Statement(
    "MATCH (turn:`_ShelfgraphTurn` {relation: $relation}) SET turn.generation = $generation RETURN turn.generation"
)
GENERATIONS = Statement("MATCH (turn:`_ShelfgraphTurn`) WHERE turn.generation IS NOT NULL RETURN turn.relation, turn.generation")
CLEAR_TURNS = Statement("MATCH (turn:`_ShelfgraphTurn`) DETACH DELETE turn")
AWAIT_INDEXES = Statement("CALL db.awaitIndexes(300)")


def quoted(name: str) -> str:
    """Return a name of the schema as Cypher writes it."""
    return "`" + name.replace("`", "``") + "`"


def schema_statements(schema: GraphSchema) -> dict[str, Statement]:
    """Return by name what creates the uniqueness of ids, which is also the index that lookups use, and the indexes."""
    created = {TURN_CONSTRAINT_NAME: TURN_CONSTRAINT}
    for node_type in schema.nodes.values():
        name = f"shelfgraph_{node_type.label}_id"
        target = f"FOR (n:{quoted(node_type.label)}) REQUIRE n.id IS UNIQUE"
        created[name] = Statement(f"CREATE CONSTRAINT {quoted(name)} IF NOT EXISTS {target}")
        for definition in node_type.properties:
            if definition.indexed:
                name = f"shelfgraph_{node_type.label}_{definition.name}"
                target = f"FOR (n:{quoted(node_type.label)}) ON (n.{quoted(definition.name)})"
                created[name] = Statement(f"CREATE INDEX {quoted(name)} IF NOT EXISTS {target}")
    return created


def missing_ids(label: str) -> Statement:
    """Of `$ids`, return those without a node."""
    return Statement(
        f"UNWIND $ids AS id OPTIONAL MATCH (n:{quoted(label)} {{id: id}}) WITH id, n WHERE n IS NULL RETURN id ORDER BY id"
    )


def write_nodes(node_type: NodeType, given: Sequence[str], *, merge: bool) -> Statement:
    """Write one node per entry of the column lists; `merge` finds stored ones first. Returns the number of rows."""
    verb = "MERGE" if merge else "CREATE"
    definitions = [p for p in node_columns(node_type) if p.name in given]
    return Statement(
        f"UNWIND range(0, size($id) - 1) AS i {verb} (n:{quoted(node_type.label)} {{id: $id[i]}})"
        f"{_assignments('n', definitions)} RETURN count(*)"
    )


def write_edges(definition: RelationDefinition, given: Sequence[str], *, merge: bool) -> Statement:
    """Write one edge per entry of the column lists; rows whose ends are gone do not count in the returned number."""
    properties = [p for p in edge_columns(definition) if p.name in given]
    key = [f"{quoted(p.name)}: {_given_value(p)}" for p in properties if p.name in definition.key]
    if definition.kind is RelationKind.DERIVED:
        key.append(f"{GENERATION_PROPERTY}: $generation")
    pattern = f"(a)-[r:{quoted(definition.name)} {{{', '.join(key)}}}]->(b)"
    values = _assignments("r", [p for p in properties if p.name not in definition.key])
    return Statement(
        "UNWIND range(0, size($source) - 1) AS i "
        f"MATCH (a:{quoted(definition.source)} {{id: $source[i]}}) "
        f"MATCH (b:{quoted(definition.target)} {{id: $target[i]}}) "
        f"{'MERGE' if merge else 'CREATE'} {pattern}{values} RETURN count(*)"
    )


def _assignments(variable: str, definitions: Iterable[PropertyDefinition]) -> str:
    parts = [f"{variable}.{quoted(p.name)} = {_given_value(p)}" for p in definitions]
    return f" SET {', '.join(parts)}" if parts else ""


def _given_value(definition: PropertyDefinition) -> str:
    value = f"${quoted(definition.name)}[i]"
    if definition.kind is PropertyKind.DATE:
        return f"date({value})"
    if definition.kind is PropertyKind.DATETIME:
        return f"datetime({value})"
    return value


def _taken_value(variable: str, definition: PropertyDefinition) -> str:
    """Times leave as numbers and text, which cost a tenth of temporal objects."""
    value = f"{variable}.{quoted(definition.name)}"
    if definition.kind is PropertyKind.DATE:
        return f"toString({value})"
    if definition.kind is PropertyKind.DATETIME:
        return f"{value}.epochSeconds * 1000000 + {value}.microsecond"
    return value


def count_nodes(node_type: NodeType) -> Statement:
    """Count the nodes of a label, from the server's own counters."""
    return Statement(f"MATCH (n:{quoted(node_type.label)}) RETURN count(n)")


def count_edges(definition: RelationDefinition) -> Statement:
    """Count the edges of a relation; of a derived one, those of `$generation`."""
    where = f" WHERE r.{GENERATION_PROPERTY} = $generation" if definition.kind is RelationKind.DERIVED else ""
    return Statement(f"MATCH ()-[r:{quoted(definition.name)}]->(){where} RETURN count(r)")


def delete_all_edges(schema: GraphSchema) -> Statement:
    """Delete the edges of every relation in bounded transactions."""
    return _deleting(f"MATCH ()-[r:{'|'.join(quoted(name) for name in schema.relations)}]->()", "r")


def delete_other_generations(definition: RelationDefinition) -> Statement:
    """Delete the edges of a derived relation that do not belong to `$generation`."""
    found = f"MATCH ()-[r:{quoted(definition.name)}]->() WHERE r.{GENERATION_PROPERTY} <> $generation"
    return _deleting(found, "r")


def delete_all_nodes(schema: GraphSchema) -> Statement:
    """Delete the nodes of every label, with what others have hung on them, in bounded transactions."""
    return _deleting(f"MATCH (n:{'|'.join(quoted(label) for label in schema.nodes)})", "n")


def _deleting(found: str, variable: str) -> Statement:
    delete = "DETACH DELETE" if variable == "n" else "DELETE"
    rows = f"IN TRANSACTIONS OF {DELETE_ROWS} ROWS"
    return Statement(f"{found} CALL ({variable}) {{ {delete} {variable} }} {rows}")


def export_nodes(node_type: NodeType) -> Statement:
    """Return id and every property of all nodes of a label."""
    values = ["n.id", *(_taken_value("n", p) for p in node_columns(node_type))]
    return Statement(f"MATCH (n:{quoted(node_type.label)}) RETURN {', '.join(values)}")


def export_edges(definition: RelationDefinition) -> Statement:
    """Return both ends and every property of all edges of a relation."""
    where = f" WHERE r.{GENERATION_PROPERTY} = $generation" if definition.kind is RelationKind.DERIVED else ""
    values = ["a.id", "b.id", *(_taken_value("r", p) for p in edge_columns(definition))]
    pattern = f"(a:{quoted(definition.source)})-[r:{quoted(definition.name)}]->(b:{quoted(definition.target)})"
    return Statement(f"MATCH {pattern}{where} RETURN {', '.join(values)}")


def nodes_by_ids(node_type: NodeType) -> Statement:
    """Return id and properties of those of `$ids` that exist."""
    return Statement(f"UNWIND $ids AS id MATCH (n:{quoted(node_type.label)} {{id: id}}) RETURN n.id, properties(n)")


def related_edges(
    definition: RelationDefinition, rules: Visibility, direction: Direction, *, dated: bool, scoped: bool
) -> Statement:
    """Return the first `$limit` edges of each of `$ids` in the port's order.

    `dated` applies `$as_of` (see `kg.visibility`), `scoped` lets only edges of `$scope` count.
    """
    start, other = (
        (definition.source, definition.target) if direction is Direction.OUT else (definition.target, definition.source)
    )
    arrow = f"-[edge:{quoted(definition.name)}]->" if direction is Direction.OUT else f"<-[edge:{quoted(definition.name)}]-"
    conditions = _standing_conditions(definition, rules) + (_dated_conditions(rules, direction) if dated else [])
    conditions += ["edge.scope = $scope"] if scoped else []
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    order = [f"edge.{STRENGTH} DESC"] if rules.edge_strength else []
    order += ["other.id", *(f"edge.{quoted(name)}" for name in definition.key)]
    return Statement(
        f"UNWIND $ids AS id MATCH (start:{quoted(start)} {{id: id}}) "
        f"CALL (start) {{ MATCH (start){arrow}(other:{quoted(other)}){where} "
        f"RETURN other.id AS other_id, properties(edge) AS properties ORDER BY {', '.join(order)} LIMIT $limit }} "
        "RETURN id, other_id, properties"
    )


def _standing_conditions(definition: RelationDefinition, rules: Visibility) -> list[str]:
    conditions = [f"edge.{GENERATION_PROPERTY} = $generation"] if definition.kind is RelationKind.DERIVED else []
    return [*conditions, f"(edge.status IS NULL OR edge.status <> '{RETRACTED}')"] if rules.edge_status else conditions


def _dated_conditions(rules: Visibility, direction: Direction) -> list[str]:
    conditions = [_window("edge")] if rules.edge_window else []
    conditions += [f"{_end(end, direction)}.business_date <= $as_of" for end in rules.dated_ends]
    return conditions + [_window(_end(end, direction)) for end in rules.window_ends]


def _end(end: Direction, direction: Direction) -> str:
    return "start" if end is direction else "other"


def _window(variable: str) -> str:
    start = f"({variable}.valid_from IS NULL OR {variable}.valid_from <= $as_of)"
    return f"{start} AND ({variable}.valid_to IS NULL OR $as_of < {variable}.valid_to)"


def repertoires() -> Statement:
    """Return what each household of `$ids` bought on or before `$as_of`: quantities as a list, to be summed exactly."""
    return Statement(
        "UNWIND $ids AS id MATCH (household:Household {id: id}) "
        "CALL (household) { "
        "MATCH (household)<-[:madeBy]-(basket:Basket)-[line:contains]->(product:Product) WHERE basket.business_date <= $as_of "
        "WITH product.id AS product_id, count(line) AS baskets, collect(coalesce(line.quantity, 0.0)) AS quantities, "
        "max(basket.business_date) AS last_bought "
        "RETURN product_id, baskets, quantities, last_bought ORDER BY baskets DESC, product_id LIMIT $limit } "
        "RETURN id, product_id, baskets, quantities, last_bought"
    )


def paths_of_length(relations: Sequence[RelationDefinition], source_label: str, target_label: str, hops: int) -> Statement:
    """Return the first `$limit` trails of exactly `hops` edges: one pattern of one MATCH never uses an edge twice."""
    types = "|".join(quoted(definition.name) for definition in relations)
    names = ["source", *(f"n{i}" for i in range(1, hops)), "target"]
    edges = [f"r{i}" for i in range(hops)]
    pattern = "(source)" + "".join(f"-[{edge}:{types}]-({name})" for edge, name in zip(edges, names[1:], strict=True))
    key = sorted({name for definition in relations for name in definition.key})
    sequence = ", ".join(f"{name}.id, labels({name})[0]" for name in names)
    ordered = ", ".join(", ".join(_edge_order(edge, key)) for edge in edges)
    return Statement(
        f"MATCH (source:{quoted(source_label)} {{id: $source}}) MATCH (target:{quoted(target_label)} {{id: $target}}) "
        f"MATCH {pattern} WHERE {' AND '.join(_path_condition(edge) for edge in edges)} "
        f"WITH [{', '.join(names)}] AS nodes, [{', '.join(edges)}] AS edges, "
        f"[{sequence}] AS node_order, [{ordered}] AS edge_order "
        "ORDER BY node_order, edge_order LIMIT $limit "
        "RETURN [n IN nodes | [labels(n)[0], n.id]], "
        "[r IN edges | [type(r), startNode(r).id, endNode(r).id, properties(r)]]"
    )


def _edge_order(edge: str, key: Sequence[str]) -> list[str]:
    return [
        f"type({edge})",
        f"startNode({edge}).id",
        f"endNode({edge}).id",
        *(f"toString(coalesce({edge}.{quoted(name)}, ''))" for name in key),
    ]


def _path_condition(edge: str) -> str:
    generation = f"({edge}.{GENERATION_PROPERTY} IS NULL OR {edge}.{GENERATION_PROPERTY} = $generations[type({edge})])"
    return f"{generation} AND ({edge}.status IS NULL OR {edge}.status <> '{RETRACTED}')"


def count_household_edges() -> Statement:
    """Count the edges that erasing a household removes."""
    return Statement(f"{_OWNED_BY_HOUSEHOLD} UNWIND gone AS node MATCH (node)-[edge]-() RETURN count(DISTINCT edge)")


def erase_household() -> Statement:
    """Delete a household with its baskets and sessions."""
    return Statement(f"{_OWNED_BY_HOUSEHOLD} UNWIND gone AS node DETACH DELETE node")


_OWNED_BY_HOUSEHOLD = (
    "MATCH (household:Household {id: $id}) OPTIONAL MATCH (household)<-[:madeBy|inSession]-(own) "
    "WITH household, collect(DISTINCT own) AS owned WITH [household] + owned AS gone"
)
