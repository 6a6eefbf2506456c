"""Neo4jServerError
├── InstallFailed        the parts could not be fetched or a digest did not match; nothing was installed
├── StartFailed          the server did not come up; the tail of its log is in the text
├── UnhealthyServer      it answers, yet cannot do what the product needs of it
└── WrongPassword        the data folder was made with another password
"""

from kit.errors import ShelfgraphError

__all__ = ["InstallFailed", "Neo4jServerError", "StartFailed", "UnhealthyServer", "WrongPassword"]

LOG_CHARACTERS = 1_200


class Neo4jServerError(ShelfgraphError):
    """The local Neo4j server could not be assembled, started or stopped."""


class InstallFailed(Neo4jServerError):
    """A part could not be fetched, or is not the one that was locked. Nothing was installed."""

    def __init__(self, part: str, cause: str) -> None:
        self.part = part
        super().__init__(
            f"{part} could not be installed: {cause}.",
            "See that a Maven repository can be reached (jgo's settings may name a mirror); run `shelfgraph neo4j install`.",
        )


class StartFailed(Neo4jServerError):
    """The server did not come up."""

    def __init__(self, cause: str, log_tail: str) -> None:
        self.log_tail = log_tail[-LOG_CHARACTERS:]
        super().__init__(
            f"Neo4j did not start: {cause} Its log ends with: {self.log_tail or '(nothing)'}",
            "Free memory or the port, or give another home folder, and run `shelfgraph neo4j start` again.",
        )


class UnhealthyServer(Neo4jServerError):
    """The server answers, yet a small Graph Data Science projection fails on it."""

    def __init__(self, uri: str, cause: str) -> None:
        self.uri = uri
        super().__init__(
            f"Neo4j at {uri} answers, but Graph Data Science does not work on it: {cause}",
            "Install the Graph Data Science plugin that fits the server, or use the one of `shelfgraph neo4j start`.",
        )


class WrongPassword(Neo4jServerError):
    """The data folder was made with another password."""

    def __init__(self, home: str) -> None:
        self.home = home
        super().__init__(
            f"The database in {home} was made with another password.",
            "Give that password, or start in another home folder.",
        )
