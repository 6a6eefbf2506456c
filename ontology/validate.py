"""Validation of batches before they are merged: the shapes, run over columns.

pySHACL walks a graph value by value, which is out of reach for millions of rows. The shapes are therefore compiled to checks
over whole columns (`ontology.shape_rules`, `ontology.columns`); `ontology.reference` gives the same report through
pySHACL for small batches, and the tests hold one against the other.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ontology.columns import Column, Mask, check_for, column_of, pair_check_for
from ontology.errors import UnknownVocabularyTerm
from ontology.schema import load_schema
from ontology.schema_types import NodeType, RelationDefinition
from ontology.shape_rules import Rule, load_rules

__all__ = ["Finding", "ValidationReport", "validate_edges", "validate_nodes"]

_COUNTS = ("minCount", "maxCount", "datatype")


@dataclass(frozen=True, slots=True, eq=False)
class Finding:
    """One rule that rows of a batch break. `rows` are row numbers from 0, ascending (int64)."""

    rule: str
    message: str
    rows: "np.ndarray[tuple[int], np.dtype[np.int64]]"


@dataclass(frozen=True, slots=True, eq=False)
class ValidationReport:
    """What the rules of a term say about one batch of `count` rows."""

    term: str
    count: int
    findings: tuple[Finding, ...]

    @property
    def conforms(self) -> bool:
        """Whether no row breaks any rule."""
        return not self.findings

    @property
    def faulty_rows(self) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
        """The numbers of the rows that break at least one rule, ascending."""
        if not self.findings:
            return np.empty(0, dtype=np.int64)
        return np.unique(np.concatenate([finding.rows for finding in self.findings]))

    def summary(self, limit: int = 5) -> str:
        """Return one line: how many rows break which rules, and where the first of each lies."""
        shown = [f"{len(f.rows)} rows break {f.rule} ({f.message}; first at row {f.rows[0]})" for f in self.findings[:limit]]
        more = len(self.findings) - len(shown)
        return "; ".join(shown) + (f"; and {more} more rules" if more > 0 else "")


def validate_nodes(label: str, rows: pa.Table, shapes: Path | None = None) -> ValidationReport:
    """Check a node batch (`id` and one column per property) against the shapes of its label.

    Raises: UnknownVocabularyTerm for a label, or a column, that the ontology does not have.
    """
    known = load_schema().nodes
    if label not in known:
        raise UnknownVocabularyTerm("label", label, tuple(known))
    _refuse_unknown_columns(known[label], label, ("id",), rows)
    return _report(label, rows, load_rules(shapes)[label], None)


def validate_edges(
    relation: str, rows: pa.Table, known_ids: Mapping[str, pa.Array] | None = None, shapes: Path | None = None
) -> ValidationReport:
    """Check an edge batch (`source`, `target` and one column per property) against the shapes of its relation.

    `known_ids` holds the ids of each label; with it the ends must be among them, without it the ends' classes are left to the
    store, which refuses unknown ends. Raises: UnknownVocabularyTerm for a relation, or a column, that the ontology does not have.
    """
    relations = load_schema().relations
    if relation not in relations:
        raise UnknownVocabularyTerm("relation", relation, tuple(relations))
    _refuse_unknown_columns(relations[relation], relation, ("source", "target"), rows)
    return _report(relation, rows, load_rules(shapes)[relation], known_ids)


def _refuse_unknown_columns(term: NodeType | RelationDefinition, name: str, ends: tuple[str, ...], rows: pa.Table) -> None:
    known = (*ends, *(definition.name for definition in term.properties))
    for column in rows.column_names:
        if column not in known:
            raise UnknownVocabularyTerm(f"property of {name}", column, known)


def _report(term: str, rows: pa.Table, rules: tuple[Rule, ...], known_ids: Mapping[str, pa.Array] | None) -> ValidationReport:
    columns = {name: column_of(rows, name) for name in {rule.column for rule in rules} | set(rows.column_names)}
    datatypes = {rule.column: str(rule.parameter) for rule in rules if rule.constraint == "datatype"}
    found = []
    for rule in rules:
        mask = _broken(rule, columns, datatypes, known_ids)
        if mask.any():
            found.append(Finding(rule.path, rule.message, np.flatnonzero(mask)))
    return ValidationReport(term, rows.num_rows, tuple(found))


def _broken(
    rule: Rule, columns: Mapping[str, Column], datatypes: Mapping[str, str], known_ids: Mapping[str, pa.Array] | None
) -> Mask:
    column = columns[rule.column]
    clean = np.zeros(column.count, dtype=bool)
    if rule.constraint == "class":
        return _unknown_ends(column, rule.parameter, known_ids)
    if rule.constraint not in _COUNTS and (not len(column.values) or not _has_type(column, datatypes.get(rule.column))):
        # values of another type are named once, by the datatype
        return clean
    pair_check = pair_check_for(rule.constraint)
    if pair_check is not None:
        other = columns.get(rule.parameter)
        return clean if other is None or not len(other.values) else pair_check(column, other)
    check = check_for(rule.constraint, rule.parameter)
    return clean if check is None else check(column)


def _has_type(column: Column, datatype: str | None) -> bool:
    return datatype is None or column.datatype == datatype


def _unknown_ends(column: Column, label: str, known_ids: Mapping[str, pa.Array] | None) -> Mask:
    if not len(column.values):
        return np.zeros(column.count, dtype=bool)
    ids = known_ids.get(label) if known_ids is not None else None
    if column.datatype != "string" or (known_ids is not None and ids is None):
        return column.mask(pa.array(np.ones(len(column.values), dtype=bool)))
    if ids is None:
        return np.zeros(column.count, dtype=bool)
    known = ids.combine_chunks() if isinstance(ids, pa.ChunkedArray) else ids
    return column.mask(pc.invert(pc.is_in(column.values, value_set=known.cast(column.values.type))))
