"""RecordsError
├── DecisionUnknown          no decision of that id was logged
├── DecisionRepeated         a decision of that id is in the log already; nothing was written
├── DecisionDamaged          the logged row is not what was written
├── DecisionLogUnavailable   the log cannot take or give entries; an answer that needs it must not leave
├── RunUnknown               no run of that id was started
├── RunFinished              the run was closed before and is never changed
├── NothingReleased          no release was ever published
├── ReleaseUnknown           no release of that id was published
├── ReleaseConflict          another release has that id already; nothing was written
├── ArtefactUnknown          no artefact of that digest was put
└── ArtefactDamaged          the files of an artefact are not what was put
"""

from kit.errors import ShelfgraphError

__all__ = [
    "ArtefactDamaged",
    "ArtefactUnknown",
    "DecisionDamaged",
    "DecisionLogUnavailable",
    "DecisionRepeated",
    "DecisionUnknown",
    "NothingReleased",
    "RecordsError",
    "ReleaseConflict",
    "ReleaseUnknown",
    "RunFinished",
    "RunUnknown",
]


class RecordsError(ShelfgraphError):
    """A book could not be read or written."""


class DecisionUnknown(RecordsError):
    """No decision of that id was logged."""

    def __init__(self, decision_id: str) -> None:
        self.decision_id = decision_id
        super().__init__(f"No decision '{decision_id[:80]}' is in the log.", "Take the id from an answer's `decision` field.")


class DecisionRepeated(RecordsError):
    """A decision of that id is in the log already."""

    def __init__(self, decision_id: str) -> None:
        self.decision_id = decision_id
        super().__init__(
            f"Decision '{decision_id[:80]}' is in the log already.", "Nothing was written; give each answer a new id."
        )


class DecisionDamaged(RecordsError):
    """The logged row is not what was written."""

    def __init__(self, decision_id: str) -> None:
        self.decision_id = decision_id
        super().__init__(
            f"The log's entry '{decision_id[:80]}' does not match its hash.", "Run `shelfgraph audit verify` and restore the log."
        )


class DecisionLogUnavailable(RecordsError):
    """The log cannot take or give entries."""

    def __init__(self, cause: str) -> None:
        self.cause = cause
        super().__init__(
            f"The decision log cannot be used: {cause}",
            "Free its disk, stop other writers, and run `shelfgraph audit verify` before serving again.",
        )


class RunUnknown(RecordsError):
    """No run of that id was started."""

    def __init__(self, run_id: str) -> None:
        self.run_id = run_id
        super().__init__(f"No run '{run_id[:80]}' is in the register.", "List them with `shelfgraph registry runs`.")


class RunFinished(RecordsError):
    """The run was closed before."""

    def __init__(self, run_id: str, status: str) -> None:
        self.run_id = run_id
        self.status = status
        super().__init__(f"Run '{run_id[:80]}' ended before ('{status}') and is never changed.", "Start a new run.")


class NothingReleased(RecordsError):
    """No release was ever published."""

    def __init__(self) -> None:
        super().__init__("Nothing is released yet.", "Run `make demo`, or `shelfgraph graph build` and `shelfgraph train`.")


class ReleaseUnknown(RecordsError):
    """No release of that id was published."""

    def __init__(self, release_id: str) -> None:
        self.release_id = release_id
        super().__init__(
            f"No release '{release_id[:80]}' was published.", "`shelfgraph registry releases` lists those there are."
        )


class ReleaseConflict(RecordsError):
    """Another release has that id already."""

    def __init__(self, release_id: str) -> None:
        self.release_id = release_id
        super().__init__(
            f"Another release has the id '{release_id[:80]}'.", "Nothing was written; give the new release its own id."
        )


class ArtefactUnknown(RecordsError):
    """No artefact of that digest was put."""

    def __init__(self, digest: str) -> None:
        self.digest = digest
        super().__init__(f"No artefact '{digest[:80]}' is in the store.", "Run `shelfgraph train` again, or restore its folder.")


class ArtefactDamaged(RecordsError):
    """The files of an artefact are not what was put."""

    def __init__(self, digest: str, problem: str) -> None:
        self.digest = digest
        super().__init__(
            f"Artefact '{digest[:80]}' is damaged: {problem}", "It was not used; restore its folder from a backup or train again."
        )
