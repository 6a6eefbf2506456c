"""The answers of the port by plain Python over rows: no arrays, no database, no shared code with the stores."""

import math
from datetime import date

from kg.ports import Direction, Edge, Node, NodeRef, Path, RepertoireItem
from tests.conformance.world import SCHEMA, World


def counts(world: World) -> dict[str, int]:
    names = [*SCHEMA.nodes, *SCHEMA.relations]
    return {name: len(world.nodes.get(name, [])) + len(world.edges.get(name, [])) for name in names}


def nodes(world: World, label: str, ids: list[str]) -> dict[str, Node]:
    return {row["id"]: Node(label, row["id"], _present(row, "id")) for row in world.nodes.get(label, []) if row["id"] in ids}


def related(
    world: World,
    relation: str,
    ids: list[str],
    direction: Direction,
    limit: int,
    as_of: date | None,
    *,
    scope: str | None = None,
) -> dict[str, tuple[Edge, ...]]:
    asked, other = ("source", "target") if direction is Direction.OUT else ("target", "source")
    answer = {}
    for one in ids:
        rows = [row for row in world.edges.get(relation, []) if row[asked] == one and _visible(world, relation, row, as_of)]
        rows = [row for row in rows if scope in (None, row.get("scope"))]
        rows.sort(key=lambda row: (-row.get("strength", 0.0), row[other], row.get("scope", ""), row.get("redeemed_on", date.min)))
        answer[one] = tuple(_edge(relation, row) for row in rows[:limit])
    return answer


def repertoire(world: World, household: str, as_of: date, limit: int) -> tuple[RepertoireItem, ...]:
    days = {row["id"]: row["business_date"] for row in world.nodes["Basket"]}
    baskets = {row["source"] for row in world.edges["madeBy"] if row["target"] == household and days[row["source"]] <= as_of}
    lines: dict[str, list[dict]] = {}
    for row in world.edges["contains"]:
        if row["source"] in baskets:
            lines.setdefault(row["target"], []).append(row)
    items = [
        RepertoireItem(product, len(rows), math.fsum(r["quantity"] for r in rows), max(days[r["source"]] for r in rows))
        for product, rows in lines.items()
    ]
    return tuple(sorted(items, key=lambda item: (-item.baskets, item.product_id))[:limit])


def paths(
    world: World, source: NodeRef, target: NodeRef, relations: list[str], maximum_hops: int, limit: int
) -> tuple[Path, ...]:
    steps: dict[NodeRef, list[tuple[NodeRef, Edge]]] = {}
    for relation in relations:
        for row in world.edges.get(relation, []):
            if row.get("status") != "retracted":
                edge = _edge(relation, row)
                steps.setdefault(edge.source, []).append((edge.target, edge))
                if edge.source != edge.target:
                    steps.setdefault(edge.target, []).append((edge.source, edge))
    found: list[Path] = []
    walks: list[tuple[tuple[NodeRef, ...], tuple[Edge, ...]]] = [((source,), ())]
    for _ in range(maximum_hops):
        walks = [
            ((*visited, near), (*edges, edge))
            for visited, edges in walks
            for near, edge in steps.get(visited[-1], [])
            if not any(edge is used for used in edges)
        ]
        found += [Path(visited, edges) for visited, edges in walks if visited[-1] == target]
    return tuple(sorted(found, key=_path_order)[:limit])


def _path_order(path: Path) -> tuple:
    edges = [(e.relation, e.source.id, e.target.id, e.properties.get("scope", "")) for e in path.edges]
    return len(path.edges), [(node.id, node.label) for node in path.nodes], edges


def _visible(world: World, relation: str, row: dict, as_of: date | None) -> bool:
    if row.get("status") == "retracted":
        return False
    if as_of is None:
        return True
    if relation in ("madeBy", "atStore", "contains"):
        day = next(basket["business_date"] for basket in world.nodes["Basket"] if basket["id"] == row["source"])
        return day <= as_of
    if relation == "promotes":
        row = next(promotion for promotion in world.nodes["Promotion"] if promotion["id"] == row["source"])
    if "valid_from" not in row:
        return True
    return row["valid_from"] <= as_of and (row.get("valid_to") is None or as_of < row["valid_to"])


def _edge(relation: str, row: dict) -> Edge:
    definition = SCHEMA.relations[relation]
    ends = NodeRef(definition.source, row["source"]), NodeRef(definition.target, row["target"])
    return Edge(relation, *ends, _present(row, "source", "target"))


def _present(row: dict, *without: str) -> dict:
    given = {name: value for name, value in row.items() if name not in without and value is not None}
    return {name: tuple(value) if isinstance(value, list) else value for name, value in given.items()}
