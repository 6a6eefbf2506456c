"""What changed in a relation between two published graph versions: edges added, removed and changed, the largest first.

Both versions are compared as columns: an edge is one whole number over (source, target, scope), and equal numbers are the same
edge. Retracted edges count as not there, as they do for every reader.
"""

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from decisions.envelope import Evidence, NodeName, evidence_of
from decisions.relations.errors import UnknownRelation, UnknownVersion
from decisions.relations.surroundings import names_of
from kg.ports import ArrayGraph, Direction, GraphVersion, GraphVersions

__all__ = ["ADDED", "CHANGED", "REMOVED", "Comparison", "DiffAnswer", "DiffPlace", "DiffRequest", "EdgeChange", "OnlyVersion"]

ADDED, REMOVED, CHANGED = KINDS = ("added", "removed", "changed")
COMPARED = ("strength", "low", "high", "unit", "events", "support", "first_observed", "last_observed", "grade", "status")
"""An edge changed when one of these did. Who wrote it, when, and by which model is no change of the relation."""
LABEL = "Product"
KEPT = 4
NOWHERE = -1


@dataclass(frozen=True, slots=True)
class DiffPlace:
    """After which edge a page goes on, in the order of the list."""

    size: float
    source: str
    target: str
    scope: str


@dataclass(frozen=True, slots=True)
class DiffRequest:
    """What changed. `to_version` None is the served one, `from_version` None the one published before that; `limit` 1 to 101."""

    relation: str
    from_version: str | None = None
    to_version: str | None = None
    limit: int = 10
    after: DiffPlace | None = None


@dataclass(frozen=True, slots=True)
class EdgeChange:
    """One edge that is new, gone or different. `change` is new minus old strength; an edge that is not there has 0."""

    kind: str
    source: NodeName
    target: NodeName
    scope: str
    change: float
    old: Evidence | None
    new: Evidence | None


@dataclass(frozen=True, slots=True)
class DiffAnswer:
    """One page, by the size of the change (its unit is the relation's), then by source, target and scope."""

    relation: str
    as_of: date
    from_version: str
    to_version: str
    added: int
    removed: int
    changed: int
    unchanged: int
    items: tuple[EdgeChange, ...]


class OnlyVersion:
    """Implements `kg.ports.GraphVersions` where one graph is all that there is."""

    def __init__(self, graph: ArrayGraph) -> None:
        self._graph = graph

    def published(self) -> tuple[GraphVersion, ...]:
        return (self._graph.version,)

    def open(self, version_id: str) -> ArrayGraph:
        if version_id != self._graph.version.id:
            raise UnknownVersion(version_id, (self._graph.version.id,))
        return self._graph


@dataclass(frozen=True, slots=True, eq=False)
class _Difference:
    """All changes of one relation in the order of the list, as columns of one length.

    Ends index `ids`, scopes `scopes`; `old_row` and `new_row` are rows of the versions' exports, or NOWHERE.
    """

    ids: Sequence[str]
    scopes: Sequence[str]
    source: np.ndarray
    target: np.ndarray
    scope: np.ndarray
    kind: np.ndarray
    change: np.ndarray
    old_row: np.ndarray
    new_row: np.ndarray
    unchanged: int

    def first_after(self, place: DiffPlace | None) -> int:
        """Return how many rows come before or at a place. The place need not be there."""
        if place is None:
            return 0
        size = -np.abs(self.change)
        low, high = (int(np.searchsorted(size, -place.size, side)) for side in ("left", "right"))
        wanted = (place.source, place.target, place.scope)
        return low + bisect_right(range(low, high), wanted, key=self.ends)

    def count(self, kind: str) -> int:
        """Return how many edges are of a kind."""
        return int(np.count_nonzero(self.kind == KINDS.index(kind)))

    def ends(self, row: int) -> tuple[str, str, str]:
        """Return source id, target id and scope of a row."""
        return self.ids[self.source[row]], self.ids[self.target[row]], self.scopes[self.scope[row]]


class Comparison:
    """Compares published versions and keeps the last few comparisons. Used from one thread.

    Args:
        versions: where they are.
        served: the version that answers everything else.
        relations: those that can be asked for; from product to product, with evidence.
    """

    def __init__(self, versions: GraphVersions, served: GraphVersion, relations: Sequence[str]) -> None:
        self._versions = versions
        self._served = served
        self._relations = tuple(relations)
        self._kept: OrderedDict[tuple[str, str, str], _Difference] = OrderedDict()

    def page(self, request: DiffRequest) -> DiffAnswer:
        """Return one page. Raises: UnknownRelation, UnknownVersion."""
        if request.relation not in self._relations:
            raise UnknownRelation(request.relation, self._relations)
        old_id, new_id = self._named(request)
        old, new = self._versions.open(old_id), self._versions.open(new_id)
        found = self._difference(request.relation, old, new)
        start = found.first_after(request.after)
        rows = np.arange(start, min(start + request.limit, len(found.kind)))
        return DiffAnswer(
            relation=request.relation,
            as_of=new.version.as_of,
            from_version=old_id,
            to_version=new_id,
            added=found.count(ADDED),
            removed=found.count(REMOVED),
            changed=found.count(CHANGED),
            unchanged=found.unchanged,
            items=_items(request.relation, found, rows, old, new),
        )

    def _named(self, request: DiffRequest) -> tuple[str, str]:
        ids = [version.id for version in self._versions.published()]
        newest_first = tuple(reversed(ids))
        new = request.to_version or self._served.id
        if new not in ids:
            raise UnknownVersion(new, newest_first)
        before = ids[: ids.index(new)]
        if request.from_version is None and not before:
            raise UnknownVersion(new, newest_first, before=True)
        old = request.from_version or before[-1]
        if old not in ids:
            raise UnknownVersion(old, newest_first)
        return old, new

    def _difference(self, relation: str, old: ArrayGraph, new: ArrayGraph) -> _Difference:
        key = (relation, old.version.id, new.version.id)
        found = self._kept.pop(key, None) or _difference(relation, old, new)
        self._kept[key] = found
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return found


def _difference(relation: str, old: ArrayGraph, new: ArrayGraph) -> _Difference:
    ids = sorted({*old.ids(LABEL), *new.ids(LABEL)})
    columns = [{name: graph.edge_column(relation, name) for name in ("scope", *COMPARED)} for graph in (old, new)]
    scopes = sorted({scope for held in columns for scope in pc.unique(held["scope"]).to_pylist()})
    sides = [_side(graph, relation, held["scope"], ids, scopes) for graph, held in zip((old, new), columns, strict=True)]
    keys = _merged(sides[0][0], sides[1][0])
    rows = [_rows_of(keys, *side) for side in sides]
    strengths = [_strength(held["strength"], at) for held, at in zip(columns, rows, strict=True)]
    kind = _kinds(rows, columns)
    change = strengths[1] - strengths[0]
    differs = np.flatnonzero(kind != NOWHERE)
    # keys are sorted by source, target and scope: a stable sort keeps that order among equal sizes
    order = differs[np.argsort(-np.abs(change[differs]), kind="stable")]
    pair, scope = np.divmod(keys[order], max(len(scopes), 1))
    source, target = np.divmod(pair, max(len(ids), 1))
    return _Difference(
        ids=ids, scopes=scopes, source=source, target=target, scope=scope, kind=kind[order], change=change[order],
        old_row=rows[0][order], new_row=rows[1][order], unchanged=len(keys) - len(differs),
    )  # fmt: skip


def _merged(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return the keys of both, ascending, each once: a sort of two runs, ten times faster here than NumPy's own union."""
    keys = np.sort(np.concatenate([one, other]), kind="stable")
    return np.asarray(keys[np.concatenate([keys[1:] != keys[:-1], [True]])]) if len(keys) else keys


def _side(
    graph: ArrayGraph, relation: str, scope: pa.ChunkedArray, ids: Sequence[str], scopes: Sequence[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Return the key of every edge that is not retracted, ascending, and its row in the export."""
    stored = graph.adjacency(relation, Direction.OUT)
    place = pc.index_in(pa.array(graph.ids(LABEL), pa.string()), pa.array(ids, pa.string())).to_numpy().astype(np.int64)
    source = place[np.repeat(np.arange(len(stored.indptr) - 1), np.diff(stored.indptr))]
    codes = pc.index_in(scope, pa.array(scopes, pa.string())).to_numpy().astype(np.int64)
    key = (source * len(ids) + place[stored.neighbours]) * len(scopes) + codes[stored.edges]
    order = np.argsort(key)
    return key[order], np.asarray(stored.edges)[order]


def _rows_of(wanted: np.ndarray, keys: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return the export row of each wanted key, NOWHERE where the version has no such edge."""
    at = np.searchsorted(keys, wanted)
    found = np.full(len(wanted), NOWHERE, dtype=np.int64)
    inside = at < len(keys)
    inside[inside] = keys[at[inside]] == wanted[inside]
    found[inside] = rows[at[inside]]
    return found


def _strength(column: pa.ChunkedArray, rows: np.ndarray) -> np.ndarray:
    held = pc.fill_null(column, 0.0).to_numpy()
    strength = np.zeros(len(rows))
    strength[rows != NOWHERE] = held[rows[rows != NOWHERE]]
    return strength


def _kinds(rows: Sequence[np.ndarray], columns: Sequence[Mapping[str, pa.ChunkedArray]]) -> np.ndarray:
    """Return the position in KINDS of each edge, NOWHERE for an edge that is the same in both versions."""
    old, new = rows
    kind = np.full(len(old), NOWHERE, dtype=np.int8)
    kind[old == NOWHERE] = KINDS.index(ADDED)
    kind[new == NOWHERE] = KINDS.index(REMOVED)
    both = np.flatnonzero((old != NOWHERE) & (new != NOWHERE))
    kind[both[_differ(columns[0], columns[1], old[both], new[both])]] = KINDS.index(CHANGED)
    return kind


def _differ(
    old: Mapping[str, pa.ChunkedArray], new: Mapping[str, pa.ChunkedArray], old_rows: np.ndarray, new_rows: np.ndarray
) -> np.ndarray:
    different = np.zeros(len(old_rows), dtype=np.bool_)
    for name in COMPARED:
        before, after = old[name].take(pa.array(old_rows)), new[name].take(pa.array(new_rows))
        one_missing = pc.xor(pc.is_null(before), pc.is_null(after)).to_numpy()
        different |= pc.fill_null(pc.not_equal(before, after), fill_value=False).to_numpy() | one_missing
    return different


def _items(relation: str, found: _Difference, rows: np.ndarray, old: ArrayGraph, new: ArrayGraph) -> tuple[EdgeChange, ...]:
    ends = [found.ends(row) for row in rows.tolist()]
    before, after = _evidence(old, relation, found.old_row[rows]), _evidence(new, relation, found.new_row[rows])
    wanted = list(dict.fromkeys(one for source, target, _ in ends for one in (source, target)))
    names = names_of(old, LABEL, wanted) | names_of(new, LABEL, wanted) if wanted else {}
    return tuple(
        EdgeChange(
            KINDS[found.kind[row]],
            NodeName(LABEL, key[0], names[LABEL, key[0]]),
            NodeName(LABEL, key[1], names[LABEL, key[1]]),
            key[2],
            float(found.change[row]),
            before[at],
            after[at],
        )
        for at, (row, key) in enumerate(zip(rows.tolist(), ends, strict=True))
    )


def _evidence(graph: ArrayGraph, relation: str, rows: np.ndarray) -> list[Evidence | None]:
    """Return the evidence of rows of a relation's export, None for NOWHERE."""
    there = np.flatnonzero(rows != NOWHERE)
    wanted = pa.array(rows[there])
    columns = {f.name: graph.edge_column(relation, f.name).take(wanted).to_pylist() for f in fields(Evidence)}
    held: list[Evidence | None] = [None] * len(rows)
    for place, values in zip(there.tolist(), zip(*columns.values(), strict=True), strict=True):
        given = dict(zip(columns, values, strict=True))
        held[place] = evidence_of(given | {"sources": tuple(given["sources"] or ())})
    return held
