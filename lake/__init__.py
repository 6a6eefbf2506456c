"""The facts: versioned Delta tables, and the engine that queries them through Ibis."""

from lake.errors import LakeError, TableMissing
from lake.ports import Lake, TableVersion

__all__ = ["Lake", "LakeError", "TableMissing", "TableVersion"]
