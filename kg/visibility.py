"""What `as_of` hides, derived from the schema so that every store hides the same.

- An end with a `business_date` (a basket) is hidden when that day is after `as_of`, or not known.
- An end of label Promotion is hidden on days outside its `[valid_from, valid_to)`; a missing bound is open.
- An edge with `valid_from` and `valid_to` (derived and declared relations) is hidden on days outside them, in the same way.
- An edge whose `status` is `retracted` is hidden always, also without `as_of`.
"""

from dataclasses import dataclass

from kg.columns import find_relation
from kg.ports import Direction
from ontology.schema_types import GraphSchema, NodeType, RelationDefinition

__all__ = ["RETRACTED", "STRENGTH", "VALIDITY_LABELS", "Visibility", "visibility_of"]

RETRACTED = "retracted"
STRENGTH = "strength"
VALIDITY_LABELS = frozenset({"Promotion"})
"""Labels whose nodes are there only inside their validity. A campaign that ended still was received."""


@dataclass(frozen=True, slots=True)
class Visibility:
    """Which rules apply to the edges of one relation."""

    edge_window: bool
    edge_status: bool
    edge_strength: bool
    dated_ends: tuple[Direction, ...]
    """Ends with a business date: OUT names the source, IN the target."""
    window_ends: tuple[Direction, ...]
    """Ends with a validity of their own."""


def visibility_of(schema: GraphSchema, relation: str) -> Visibility:
    """Return the rules of a relation. Raises: UnknownTerm."""
    definition = find_relation(schema, relation)
    names = {p.name for p in definition.properties}
    ends = {Direction.OUT: schema.nodes[definition.source], Direction.IN: schema.nodes[definition.target]}
    return Visibility(
        edge_window=_has_window(definition),
        edge_status="status" in names,
        edge_strength=STRENGTH in names,
        dated_ends=tuple(end for end, node in ends.items() if any(p.name == "business_date" for p in node.properties)),
        window_ends=tuple(end for end, node in ends.items() if node.label in VALIDITY_LABELS and _has_window(node)),
    )


def _has_window(definition: NodeType | RelationDefinition) -> bool:
    return {"valid_from", "valid_to"} <= {p.name for p in definition.properties}
