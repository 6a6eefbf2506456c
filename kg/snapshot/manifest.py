"""What a snapshot says about itself: version, schema, counts, and the size and digest of every file."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from kg.errors import SnapshotError
from kg.ports import GraphVersion
from kit.canonical import canonical_bytes, digest_of_bytes, digest_of_value
from ontology.schema_types import GraphSchema, NodeType, PropertyDefinition, PropertyKind, RelationDefinition, RelationKind

__all__ = ["FORMAT", "MANIFEST", "SEAL", "FileEntry", "Manifest", "content_id", "damaged", "manifest_bytes", "read_manifest"]

FORMAT = 1
MANIFEST = "manifest.json"
SEAL = "manifest.sha256"
REMEDY = "Publish the graph again (`shelfgraph graph build`), or open another version."


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One file of a snapshot as it was published."""

    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """The content of `manifest.json`."""

    version: GraphVersion
    schema: GraphSchema
    counts: Mapping[str, int]
    files: Mapping[str, FileEntry]


def damaged(folder: Path, problem: str) -> SnapshotError:
    """Return the error that says what is wrong with a snapshot."""
    return SnapshotError(f"The graph snapshot {folder.name} cannot be used: {problem}", REMEDY)


def content_id(digest: str, schema: GraphSchema, as_of: date, files: Mapping[str, FileEntry]) -> str:
    """Return the id of a version: its day and 16 digits over all its bytes, so that equal content has an equal id."""
    content = {name: entry.sha256 for name, entry in files.items()}
    core = {"format": FORMAT, "digest": digest, "schema": _plain_schema(schema), "as_of": as_of, "files": content}
    return f"g{as_of:%Y%m%d}-{digest_of_value(core)[:16]}"


def manifest_bytes(manifest: Manifest) -> bytes:
    """Return the canonical bytes of a manifest."""
    return canonical_bytes(
        {
            "format": FORMAT,
            "version": manifest.version,
            "schema": _plain_schema(manifest.schema),
            "counts": dict(manifest.counts),
            "files": dict(manifest.files),
        }
    )


def read_manifest(folder: Path) -> Manifest:
    """Read a manifest after checking its seal. Raises: SnapshotError."""
    try:
        content = (folder / MANIFEST).read_bytes()
        seal = (folder / SEAL).read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise damaged(folder, f"its manifest cannot be read ({error}).") from error
    if digest_of_bytes(content) != seal:
        raise damaged(folder, "its manifest was changed after it was published.")
    plain = json.loads(content)
    if plain["format"] != FORMAT:
        raise damaged(folder, f"it has format {plain['format']}, and this program reads {FORMAT}.")
    return _manifest(plain)


def _plain_schema(schema: GraphSchema) -> dict[str, Any]:
    # lists keep the ontology's order, which an object with sorted keys would lose
    return {
        "ontology_version": schema.ontology_version,
        "digest": schema.digest,
        "nodes": list(schema.nodes.values()),
        "relations": list(schema.relations.values()),
    }


def _manifest(plain: dict[str, Any]) -> Manifest:
    version = plain["version"]
    dates = {"as_of": date.fromisoformat(version["as_of"]), "built_at": datetime.fromisoformat(version["built_at"])}
    return Manifest(
        version=GraphVersion(**(version | dates)),
        schema=_schema(plain["schema"]),
        counts=plain["counts"],
        files={name: FileEntry(**entry) for name, entry in plain["files"].items()},
    )


def _schema(plain: dict[str, Any]) -> GraphSchema:
    nodes = {node["label"]: NodeType(**(node | {"properties": _properties(node)})) for node in plain["nodes"]}
    relations = {relation["name"]: _relation(relation) for relation in plain["relations"]}
    return GraphSchema(plain["ontology_version"], plain["digest"], nodes, relations)


def _relation(plain: dict[str, Any]) -> RelationDefinition:
    typed = {"kind": RelationKind(plain["kind"]), "key": tuple(plain["key"]), "properties": _properties(plain)}
    return RelationDefinition(**(plain | typed))


def _properties(plain: dict[str, Any]) -> tuple[PropertyDefinition, ...]:
    return tuple(PropertyDefinition(**(p | {"kind": PropertyKind(p["kind"])})) for p in plain["properties"])
