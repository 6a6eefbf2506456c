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
├── ArtefactDamaged          the files of an artefact are not what was put
├── BookUnavailable          a book cannot be opened, read or written
├── IdempotencyKeyReused     the key of an act stands for another one already
├── VersionConflict          what is to be changed was changed by somebody else meanwhile
├── ScenarioUnknown          no scenario of that id and revision was kept
├── ScenarioNameTaken        another scenario has that name
├── ScenarioArchived         the scenario was archived and takes no changes
├── OverrideUnknown          no override of that id was set
├── OverrideWithdrawn        the override was taken back before
├── OutcomeUnknown           no outcome of that id was recorded
├── JobUnknown               no job of that id was queued
├── JobQueueFull             as many jobs as are allowed are queued or running
├── JobOver                  the job ended before
├── JobNotResumable          the job is under way, queued or done: there is nothing to resume
├── JobUnfinished            the job has no result yet
├── JobResultDamaged         a stored result is not what was kept
└── LeaseLost                another worker took the job over; nothing was written
"""

from kit.errors import ShelfgraphError

__all__ = [
    "ArtefactDamaged",
    "ArtefactUnknown",
    "BookUnavailable",
    "DecisionDamaged",
    "DecisionLogUnavailable",
    "DecisionRepeated",
    "DecisionUnknown",
    "IdempotencyKeyReused",
    "JobNotResumable",
    "JobOver",
    "JobQueueFull",
    "JobResultDamaged",
    "JobUnfinished",
    "JobUnknown",
    "LeaseLost",
    "NothingReleased",
    "OutcomeUnknown",
    "OverrideUnknown",
    "OverrideWithdrawn",
    "RecordsError",
    "ReleaseConflict",
    "ReleaseUnknown",
    "RunFinished",
    "RunUnknown",
    "ScenarioArchived",
    "ScenarioNameTaken",
    "ScenarioUnknown",
    "VersionConflict",
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


class BookUnavailable(RecordsError):
    """A book cannot be opened, read or written."""

    def __init__(self, book: str, act: str, cause: object) -> None:
        self.book = book
        super().__init__(f"The book {book} cannot be {act}: {cause}", "Check its folder and free disk.")


class IdempotencyKeyReused(RecordsError):
    """The key of an act stands for another one already."""

    def __init__(self, key: str) -> None:
        self.key = key
        super().__init__(
            f"The idempotency key '{key[:80]}' was used for something else.", "Nothing was done; give each act a key of its own."
        )


class VersionConflict(RecordsError):
    """What is to be changed was changed by somebody else meanwhile."""

    def __init__(self, what: str, expected: int, found: int) -> None:
        self.expected = expected
        self.found = found
        super().__init__(
            f"{what} is at version {found}, not {expected}.",
            "Nothing was changed; look at it again and name its present version.",
        )


class ScenarioUnknown(RecordsError):
    """No scenario of that id and revision was kept."""

    def __init__(self, scenario_id: str, revision: int | None = None) -> None:
        self.scenario_id = scenario_id
        self.revision = revision
        which = "" if revision is None else f" in revision {revision}"
        super().__init__(
            f"There is no scenario '{scenario_id[:80]}'{which}.", "`shelfgraph scenario list` shows those there are."
        )


class ScenarioNameTaken(RecordsError):
    """Another scenario has that name."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"Another scenario is called '{name[:80]}'.", "Choose another name, or archive that one.")


class ScenarioArchived(RecordsError):
    """The scenario was archived and takes no changes."""

    def __init__(self, scenario_id: str) -> None:
        self.scenario_id = scenario_id
        super().__init__(f"Scenario '{scenario_id[:80]}' is archived.", "Create a new one with its changes.")


class OverrideUnknown(RecordsError):
    """No override of that id was set."""

    def __init__(self, override_id: str) -> None:
        self.override_id = override_id
        super().__init__(f"There is no override '{override_id[:80]}'.", "`shelfgraph override list` shows those there are.")


class OverrideWithdrawn(RecordsError):
    """The override was taken back before."""

    def __init__(self, override_id: str) -> None:
        self.override_id = override_id
        super().__init__(f"Override '{override_id[:80]}' was withdrawn before.", "Set a new one where the forecast is to change.")


class OutcomeUnknown(RecordsError):
    """No outcome of that id was recorded."""

    def __init__(self, outcome_id: str) -> None:
        self.outcome_id = outcome_id
        super().__init__(f"No outcome '{outcome_id[:80]}' was recorded.", "See `shelfgraph outcomes list`.")


class JobUnknown(RecordsError):
    """No job of that id was queued, or it is somebody else's: the text does not say which."""

    def __init__(self, job_id: str) -> None:
        self.job_id = job_id
        super().__init__(f"There is no job '{job_id[:80]}'.", "`shelfgraph job list` shows those there are.")


class JobQueueFull(RecordsError):
    """As many jobs as are allowed are queued or running."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        super().__init__(f"{limit} jobs are queued or running, which is as many as are taken.", "Try again when one has ended.")


class JobOver(RecordsError):
    """The job ended before."""

    def __init__(self, job_id: str, status: str) -> None:
        self.job_id = job_id
        self.status = status
        super().__init__(
            f"Job '{job_id[:80]}' ended before ({status}).", "There is nothing to cancel; start a new one if needed."
        )


class JobNotResumable(RecordsError):
    """The job is under way, queued or done: there is nothing to resume."""

    def __init__(self, job_id: str, status: str) -> None:
        self.job_id = job_id
        self.status = status
        super().__init__(f"Job '{job_id[:80]}' is {status}.", "Only a failed or cancelled job is resumed.")


class JobUnfinished(RecordsError):
    """The job has no result yet."""

    def __init__(self, job_id: str, status: str) -> None:
        self.job_id = job_id
        self.status = status
        super().__init__(f"Job '{job_id[:80]}' is {status} and has no result.", "Watch it with `shelfgraph job watch`.")


class JobResultDamaged(RecordsError):
    """A stored result is not what was kept."""

    def __init__(self, digest: str) -> None:
        self.digest = digest
        super().__init__(f"The stored result '{digest[:80]}' is damaged.", "It was not used; restore the book from a backup.")


class LeaseLost(RecordsError):
    """Another worker took the job over, or it was ended; nothing was written."""

    def __init__(self, job_id: str) -> None:
        self.job_id = job_id
        super().__init__(
            f"Job '{job_id[:80]}' is no longer this worker's.", "Nothing was written; the worker takes the next job."
        )
