"""Every statement the embedded store runs. Names come from the ontology's schema, values are parameters.

Columns of a batch are called `row_NAME` inside a statement, so that no property can be taken for a variable. Ladybug's dialect
differs from Neo4j's: `LOAD FROM $rows` scans an Arrow table, `COPY` appends one in bulk, tables are declared, ids are indexed.
"""

from collections.abc import Iterable, Sequence
from enum import Enum

from kg.columns import edge_columns, node_columns
from kg.ports import Direction
from kg.visibility import Visibility
from ontology.schema_types import NodeType, PropertyDefinition, PropertyKind, RelationDefinition

__all__ = [
    "BEGIN",
    "COMMIT",
    "NO_STATEMENT_CACHE",
    "ROLLBACK",
    "ROW",
    "TABLES",
    "Asked",
    "baskets_of_household",
    "copy_edges",
    "copy_nodes",
    "count_edges",
    "count_edges_of",
    "count_nodes",
    "create_node_table",
    "create_relation_table",
    "delete_nodes",
    "drop_table",
    "edges_between",
    "edges_touching",
    "export_edges",
    "export_nodes",
    "known_edges",
    "known_ids",
    "nodes_by_ids",
    "purchases",
    "related_edges",
    "rename_table",
    "update_edges",
    "update_nodes",
]

ROW = "row_"
BEGIN = "BEGIN TRANSACTION"
COMMIT = "COMMIT"
ROLLBACK = "ROLLBACK"
TABLES = "CALL show_tables() RETURN name"
NO_STATEMENT_CACHE = "CALL enable_cached_prepared_statement='NONE'"


class Asked(Enum):
    """How the ids of a question enter its statement, which decides what the engine does.

    One is looked up in the index; a few filter the nodes; many are joined, for which whole tables are read, however few they are.
    """

    ONE = "id"
    FEW = "ids"
    MANY = "rows"

    @property
    def head(self) -> str:
        """How the statement begins."""
        return "LOAD FROM $rows " if self is Asked.MANY else ""

    def test(self, variable: str) -> str:
        """Return the condition that a node is asked for."""
        return f"{variable}.`id` {ASKED_TESTS[self]}"


ASKED_TESTS = {Asked.ONE: "= $id", Asked.FEW: "IN $ids", Asked.MANY: "= `row_id`"}

TYPES = {
    PropertyKind.STRING: "STRING",
    PropertyKind.INTEGER: "INT64",
    PropertyKind.FLOAT: "DOUBLE",
    PropertyKind.BOOLEAN: "BOOLEAN",
    PropertyKind.DATE: "DATE",
    PropertyKind.DATETIME: "TIMESTAMP",
    PropertyKind.STRING_LIST: "STRING[]",
}


def create_node_table(node: NodeType) -> str:
    """Return the declaration of a label."""
    return f"CREATE NODE TABLE IF NOT EXISTS {_name(node.label)}(`id` STRING, {_declared(node_columns(node))}PRIMARY KEY(`id`))"


def create_relation_table(relation: RelationDefinition, name: str) -> str:
    """Return the declaration of a relation under `name`: its own, or that of a set which is being prepared."""
    ends = f"FROM {_name(relation.source)} TO {_name(relation.target)}"
    columns = _declared(edge_columns(relation)).removesuffix(", ")
    return f"CREATE REL TABLE IF NOT EXISTS {_name(name)}({', '.join(part for part in (ends, columns) if part)})"


def drop_table(name: str) -> str:
    """Return the removal of a label or relation with all its rows."""
    return f"DROP TABLE IF EXISTS {_name(name)}"


def rename_table(name: str, new_name: str) -> str:
    """Return the renaming of a table."""
    return f"ALTER TABLE {_name(name)} RENAME TO {_name(new_name)}"


def copy_nodes(node: NodeType) -> str:
    """Append complete rows of new nodes. Parameter: rows (`id`, then every property)."""
    return f"COPY {_name(node.label)}(`id`{_listed(node_columns(node))}) FROM $rows"


def copy_edges(relation: RelationDefinition, name: str) -> str:
    """Append complete rows of new edges to the table `name`. Parameter: rows (ends, then every property)."""
    columns = _listed(edge_columns(relation)).removeprefix(", ")
    return f"COPY {_name(name)}{f'({columns})' if columns else ''} FROM $rows"


def update_nodes(node: NodeType, given: Sequence[str]) -> str:
    """Set the given properties of nodes. Parameter: rows (`row_id`, `row_PROPERTY`)."""
    return f"LOAD FROM $rows MATCH (n:{_name(node.label)}) WHERE n.`id` = `row_id` SET {_assigned('n', given)}"


def update_edges(relation: RelationDefinition, given: Sequence[str]) -> str:
    """Set the given properties of edges. Parameter: rows (`row_source`, `row_target`, key and given properties)."""
    return f"LOAD FROM $rows {_keyed(relation)} SET {_assigned('r', given)}"


def known_ids(node: NodeType) -> str:
    """Return which of the ids exist. Parameter: rows (`row_id`)."""
    return f"LOAD FROM $rows MATCH (n:{_name(node.label)}) WHERE n.`id` = `row_id` RETURN n.`id` AS `id`"


def known_edges(relation: RelationDefinition, given: Sequence[str]) -> str:
    """Return `row_number` and the given properties of the edges that exist. Parameter: rows (ends, key, `row_number`)."""
    stored = _returned("r", (p for p in edge_columns(relation) if p.name in given))
    return f"LOAD FROM $rows {_keyed(relation)} RETURN `row_number` AS `row_number`{stored}"


def count_nodes(node: NodeType) -> str:
    """Return how many nodes a label has."""
    return f"MATCH (n:{_name(node.label)}) RETURN count(*) AS `count`"


def count_edges(relation: RelationDefinition) -> str:
    """Return how many edges a relation has."""
    return f"MATCH {_pattern(relation)} RETURN count(*) AS `count`"


def export_nodes(node: NodeType) -> str:
    """Return all nodes of a label."""
    return f"MATCH (n:{_name(node.label)}) RETURN n.`id` AS `id`{_returned('n', node_columns(node))}"


def export_edges(relation: RelationDefinition) -> str:
    """Return all edges of a relation."""
    return f"MATCH {_pattern(relation)} RETURN {_whole_edge(relation)}"


def nodes_by_ids(node: NodeType, asked: Asked) -> str:
    """Return some nodes. Parameter: the ids as `asked` takes them."""
    found = f"MATCH (n:{_name(node.label)}) WHERE {asked.test('n')}"
    return f"{asked.head}{found} RETURN n.`id` AS `id`{_returned('n', node_columns(node))}"


def related_edges(
    relation: RelationDefinition, rules: Visibility, direction: Direction, asked: Asked, *, dated: bool, scoped: bool
) -> str:
    """Return the visible edges of some nodes, unordered.

    Parameters: the ids as `asked` takes them; where dated, as_of; where scoped, scope.
    """
    conditions = [asked.test("a" if direction is Direction.OUT else "b"), *_visible(rules, dated=dated)]
    conditions += ["r.`scope` = $scope"] if scoped else []
    return f"{asked.head}MATCH {_pattern(relation)} WHERE {' AND '.join(conditions)} RETURN {_whole_edge(relation)}"


def edges_touching(relation: RelationDefinition, rules: Visibility, direction: Direction, asked: Asked) -> str:
    """Return ends and key of the unretracted edges of some nodes. Parameters: the ids as `asked` takes them, limit."""
    conditions = [asked.test("a" if direction is Direction.OUT else "b"), *_visible(rules, dated=False)]
    key = [p for p in edge_columns(relation) if p.name in relation.key]
    ends = f"a.`id` AS `source`, b.`id` AS `target`{_returned('r', key)}"
    return f"{asked.head}MATCH {_pattern(relation)} WHERE {' AND '.join(conditions)} RETURN {ends} LIMIT $limit"


def edges_between(relation: RelationDefinition) -> str:
    """Return the edges between two nodes. Parameters: source, target."""
    return f"MATCH {_pattern(relation)} WHERE a.`id` = $source AND b.`id` = $target RETURN {_whole_edge(relation)}"


def purchases(asked: Asked) -> str:
    """Return what households bought, one row a line. Parameters: the ids as `asked` takes them, as_of."""
    return (
        f"{asked.head}MATCH (h:`Household`)<-[:`madeBy`]-(b:`Basket`)-[c:`contains`]->(p:`Product`) "
        f"WHERE {asked.test('h')} AND b.`business_date` <= $as_of "
        "RETURN h.`id` AS `household`, p.`id` AS `product`, c.`quantity` AS `quantity`, b.`business_date` AS `day`"
    )


def baskets_of_household(relation: RelationDefinition) -> str:
    """Return the ids at the other end of `madeBy` or `inSession`. Parameter: household."""
    return f"MATCH {_pattern(relation)} WHERE b.`id` = $household RETURN a.`id` AS `id`"


def count_edges_of(relation: RelationDefinition, ends: Sequence[Direction]) -> str:
    """Count edges whose named ends are among the given nodes. Parameters: sources, targets, as far as they are named."""
    tests = {Direction.OUT: "a.`id` IN $sources", Direction.IN: "b.`id` IN $targets"}
    return f"MATCH {_pattern(relation)} WHERE {' OR '.join(tests[end] for end in ends)} RETURN count(*) AS `count`"


def delete_nodes(node: NodeType) -> str:
    """Remove nodes with their edges. Parameter: ids."""
    return f"MATCH (n:{_name(node.label)}) WHERE n.`id` IN $ids DETACH DELETE n"


def _name(name: str) -> str:
    # the ontology's names are identifiers; anything else would be a way around parameters
    if not name.isidentifier():
        raise ValueError(f"{name[:100]!r} is no name of a label, relation or property")
    return f"`{name}`"


def _pattern(relation: RelationDefinition) -> str:
    return f"(a:{_name(relation.source)})-[r:{_name(relation.name)}]->(b:{_name(relation.target)})"


def _keyed(relation: RelationDefinition) -> str:
    key = "".join(f" AND r.{_name(name)} = {_row(name)}" for name in relation.key)
    return f"MATCH {_pattern(relation)} WHERE a.`id` = `row_source` AND b.`id` = `row_target`{key}"


def _visible(rules: Visibility, *, dated: bool) -> list[str]:
    conditions = ["(r.`status` IS NULL OR r.`status` <> 'retracted')"] if rules.edge_status else []
    if not dated:
        return conditions
    ends = {Direction.OUT: "a", Direction.IN: "b"}
    conditions += [f"{ends[end]}.`business_date` <= $as_of" for end in rules.dated_ends]
    for variable in (*(["r"] if rules.edge_window else []), *(ends[end] for end in rules.window_ends)):
        conditions.append(f"({variable}.`valid_from` IS NULL OR {variable}.`valid_from` <= $as_of)")
        conditions.append(f"({variable}.`valid_to` IS NULL OR $as_of < {variable}.`valid_to`)")
    return conditions


def _whole_edge(relation: RelationDefinition) -> str:
    return f"a.`id` AS `source`, b.`id` AS `target`{_returned('r', edge_columns(relation))}"


def _declared(properties: Iterable[PropertyDefinition]) -> str:
    return "".join(f"{_name(p.name)} {TYPES[p.kind]}, " for p in properties)


def _listed(properties: Iterable[PropertyDefinition]) -> str:
    return "".join(f", {_name(p.name)}" for p in properties)


def _returned(variable: str, properties: Iterable[PropertyDefinition]) -> str:
    return "".join(f", {variable}.{_name(p.name)} AS {_name(p.name)}" for p in properties)


def _assigned(variable: str, names: Sequence[str]) -> str:
    return ", ".join(f"{variable}.{_name(name)} = {_row(name)}" for name in names)


def _row(name: str) -> str:
    return _name(f"{ROW}{name}")
