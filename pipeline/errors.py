"""PipelineError
├── NothingIngested   there are no facts to build from
├── NotBuilt          a step needs what an earlier step has not made yet
├── CountMismatch     the graph does not hold what the facts say
├── KeyDamaged        a key of the vault is shorter than it was made
└── RelationsDidWorse new relations do worse on the back-test than the served ones
"""

from pathlib import Path

from kit.errors import ShelfgraphError

__all__ = ["CountMismatch", "KeyDamaged", "NotBuilt", "NothingIngested", "PipelineError", "RelationsDidWorse"]


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


class KeyDamaged(PipelineError):
    """A key of the vault is shorter than it was made."""

    def __init__(self, path: Path, found: int) -> None:
        self.path = path
        self.found = found
        super().__init__(
            f"The key in {path} has {found} characters: it was cut off.",
            "Restore it from a copy. Where nothing was made with it yet (an empty lake), delete the file and a new one is made.",
        )


class RelationsDidWorse(PipelineError):
    """New relations do worse on the back-test than the served ones."""

    def __init__(self, gain: float, low: float, high: float) -> None:
        self.gain = gain
        self.low = low
        self.high = high
        super().__init__(
            f"First choices of former buyers are {-gain:.3f} nats less likely under the new relations [{-high:.3f}, {-low:.3f}].",
            "Nothing was released; the old release is served on. Look for feeds that stopped or changed: `shelfgraph doctor`.",
        )
