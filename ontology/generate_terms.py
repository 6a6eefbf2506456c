"""Writes `ontology/terms.py` from the vocabulary: `python -m ontology.generate_terms [--check]`."""

import re
import sys
from pathlib import Path

from ontology.schema import load_schema
from ontology.schema_types import GraphSchema

__all__ = ["generated_terms", "main"]

TARGET = Path(__file__).with_name("terms.py")
_HEAD = '''"""The labels and relations of the vocabulary, for code that names them.

Generated from `ontology/vocab/` by `python -m ontology.generate_terms`: change the Turtle, then run it again.
"""

from enum import StrEnum

__all__ = ["ONTOLOGY_VERSION", "NodeLabel", "RelationType"]

'''


def generated_terms(schema: GraphSchema) -> str:
    """Return the text of `terms.py` for a schema."""
    nodes = "\n".join(_member(node.label) for node in schema.nodes.values())
    relations = "\n".join(_member(relation.name) for relation in schema.relations.values())
    return (
        f'{_HEAD}ONTOLOGY_VERSION = "{schema.ontology_version}"\n\n\n'
        f'class NodeLabel(StrEnum):\n    """Labels of nodes."""\n\n{nodes}\n\n\n'
        f'class RelationType(StrEnum):\n    """Names of relations between nodes."""\n\n{relations}\n'
    )


def main(arguments: list[str], target: Path = TARGET) -> int:
    """Write the file, or with `--check` compare it; return 1 when it differs from the vocabulary."""
    text = generated_terms(load_schema())
    if "--check" in arguments:
        if target.exists() and target.read_text(encoding="utf-8") == text:
            return 0
        print(f"{target.name} differs from the vocabulary: run `python -m ontology.generate_terms`.", file=sys.stderr)
        return 1
    target.write_text(text, encoding="utf-8")
    return 0


def _member(name: str) -> str:
    return f'    {_constant(name)} = "{name}"'


def _constant(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).upper()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
