"""PipelineError
├── NothingIngested   there are no facts to build from
├── NotBuilt          a step needs what an earlier step has not made yet
└── CountMismatch     the graph does not hold what the facts say
"""

from kit.errors import ShelfgraphError

__all__ = ["CountMismatch", "NotBuilt", "NothingIngested", "PipelineError"]


class PipelineError(ShelfgraphError):
    """The build could not go on."""


class NothingIngested(PipelineError):
    """There are no facts to build from."""

    def __init__(self) -> None:
        super().__init__("The lake holds no sales lines.", "Load a retailer first: `shelfgraph ingest run completejourney`.")


class NotBuilt(PipelineError):
    """A step needs what an earlier step has not made yet."""

    def __init__(self, what: str, command: str) -> None:
        self.what = what
        super().__init__(f"There is no {what} yet.", f"Run `{command}` first (or `make demo` for everything).")


class CountMismatch(PipelineError):
    """The graph does not hold what the facts say."""

    def __init__(self, term: str, expected: int, found: int) -> None:
        self.term = term
        self.expected = expected
        self.found = found
        super().__init__(
            f"The graph holds {found:,} of '{term}', the facts give {expected:,}.",
            "Nothing was published. Clear the store (`shelfgraph graph build --fresh`) and build again.",
        )
