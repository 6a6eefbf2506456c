"""GraphError
├── GraphUnavailable       the store cannot be reached
├── GraphTimeout           the store did not answer in time
├── UnknownTerm            a label, relation or property that the ontology does not have
├── InvalidBatch           rows that do not fit the schema; nothing of the batch was written
├── UnknownEndpoint        edges that name nodes which are not there; nothing of the batch was written
├── QueryTooLarge          more hops, ids or rows than the port allows
├── ProjectionRefused      what is to be projected does not fit the algorithm that was asked for
└── SnapshotError          a snapshot is missing, damaged or of another format
"""

from kit.errors import ShelfgraphError

__all__ = [
    "GraphError",
    "GraphTimeout",
    "GraphUnavailable",
    "InvalidBatch",
    "ProjectionRefused",
    "QueryTooLarge",
    "SnapshotError",
    "UnknownEndpoint",
    "UnknownTerm",
]


START_NEO4J = "Start it (`shelfgraph neo4j start`), or give the address of a running server in SHELFGRAPH_NEO4J_URI."


class GraphError(ShelfgraphError):
    """The graph could not be read or written."""


class GraphUnavailable(GraphError):
    """The store cannot be reached."""

    def __init__(self, store: str, cause: str, remedy: str = START_NEO4J) -> None:
        self.store = store
        super().__init__(f"The graph store {store} cannot be reached: {cause}", remedy)


class GraphTimeout(GraphError):
    """The store did not answer in time."""

    def __init__(self, operation: str, seconds: float) -> None:
        self.operation = operation
        self.seconds = seconds
        super().__init__(
            f"'{operation}' did not finish within {seconds:g} seconds.", "Ask for less, or raise the store's timeout_seconds."
        )


class UnknownTerm(GraphError):
    """A label, relation or property that the ontology does not have."""

    def __init__(self, kind: str, name: str, known: tuple[str, ...]) -> None:
        self.kind = kind
        self.name = name
        super().__init__(f"The ontology has no {kind} '{name}'.", f"Known: {', '.join(known)}.")


class InvalidBatch(GraphError):
    """Rows that do not fit the schema. Nothing of the batch was written."""

    def __init__(self, term: str, problem: str) -> None:
        self.term = term
        super().__init__(f"A batch for '{term}' does not fit the schema: {problem}", "Nothing was written; mend the batch.")


class UnknownEndpoint(GraphError):
    """Edges that name nodes which are not there. Nothing of the batch was written."""

    def __init__(self, relation: str, examples: tuple[str, ...], count: int) -> None:
        self.relation = relation
        self.examples = examples
        self.count = count
        super().__init__(
            f"{count} ends of '{relation}' edges are not in the graph, such as {', '.join(examples[:5])}.",
            "Nothing was written; load the nodes first, or quarantine the rows.",
        )


class QueryTooLarge(GraphError):
    """More hops, ids or rows than the port allows."""

    def __init__(self, what: str, asked: int, allowed: int) -> None:
        self.what = what
        self.asked = asked
        self.allowed = allowed
        super().__init__(f"{asked} {what} were asked for, {allowed} are allowed.", "Ask in smaller pieces.")


class ProjectionRefused(GraphError):
    """What is to be projected does not fit the algorithm that was asked for."""

    def __init__(self, algorithm: str, problem: str, remedy: str) -> None:
        self.algorithm = algorithm
        super().__init__(f"'{algorithm}' cannot work on this: {problem}", remedy)


class SnapshotError(GraphError):
    """A snapshot is missing, damaged or of another format."""
