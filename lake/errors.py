"""LakeError
├── TableMissing      the table was never written
├── TableUnreadable   the folder is there but Delta cannot read it
├── JavaMissing       Spark was asked for, and there is no Java to run it
└── SparkNotStarted   Java is there, and Spark did not come up
"""

from kit.errors import ShelfgraphError

__all__ = ["JavaMissing", "LakeError", "SparkNotStarted", "TableMissing", "TableUnreadable"]


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


class JavaMissing(LakeError):
    """There is no Java where Spark was told to find it."""

    def __init__(self, java: str) -> None:
        self.java = java
        super().__init__(
            f"'{java}' is no Java that can be started, and Spark needs one.",
            "Give the `java` of a runtime of version 17 or newer, such as the one that `kg.java.bundled_java` finds.",
        )


class SparkNotStarted(LakeError):
    """The Java process ended, or did not answer in time."""

    def __init__(self, log: str) -> None:
        self.log = log
        super().__init__(
            f"Spark did not start: {log or 'it said nothing'}",
            "Check that the Java runtime is of version 17 or newer and that 2 GB of memory are free.",
        )
