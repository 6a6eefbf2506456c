"""LakeError
├── TableMissing      the table was never written
└── TableUnreadable   the folder is there but Delta cannot read it
"""

from kit.errors import ShelfgraphError

__all__ = ["LakeError", "TableMissing", "TableUnreadable"]


class LakeError(ShelfgraphError):
    """The facts could not be read or written."""


class TableMissing(LakeError):
    """A table that was asked for has never been written."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(
            f"The lake has no table '{name}'.", "Run `shelfgraph ingest` (or `make demo`) to load the feed that fills it."
        )


class TableUnreadable(LakeError):
    """A table's folder exists but is not a readable Delta table."""

    def __init__(self, name: str, cause: str) -> None:
        self.name = name
        super().__init__(f"Table '{name}' cannot be read: {cause}", "Restore the folder or ingest the feed again.")
