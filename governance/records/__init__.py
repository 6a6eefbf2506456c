"""The books: decisions, runs, releases and artefacts; online events; scenarios, overrides and jobs of planners."""

from governance.records.event_ports import (
    Event,
    EventBatch,
    EventBook,
    EventCounts,
    EventDraft,
    EventKey,
    EventOutcome,
    Landing,
    Receipt,
    RefusedLine,
)
from governance.records.folder_artefact_store import FolderArtefactStore
from governance.records.outcome_ports import Outcome, OutcomeBook, OutcomeDraft, OutcomeKind
from governance.records.planning_ports import (
    Job,
    JobBook,
    JobDraft,
    JobEvent,
    JobStatus,
    Lease,
    Override,
    OverrideBook,
    OverrideDraft,
    OverrideWeek,
    Recorded,
    ScenarioBook,
    ScenarioDraft,
    ScenarioRevision,
    Withdrawal,
)
from governance.records.ports import (
    Act,
    ArtefactStore,
    ChainBreak,
    ChainReport,
    DecisionEntry,
    DecisionLog,
    Release,
    ReleaseBook,
    Run,
    RunBook,
)
from governance.records.sqlite_books import SqliteReleaseBook, SqliteRunBook
from governance.records.sqlite_decision_log import SqliteDecisionLog
from governance.records.sqlite_event_book import SqliteEventBook
from governance.records.sqlite_job_book import SqliteJobBook
from governance.records.sqlite_outcome_book import SqliteOutcomeBook
from governance.records.sqlite_override_book import SqliteOverrideBook
from governance.records.sqlite_scenario_book import SqliteScenarioBook

__all__ = [
    "Act",
    "ArtefactStore",
    "ChainBreak",
    "ChainReport",
    "DecisionEntry",
    "DecisionLog",
    "Event",
    "EventBatch",
    "EventBook",
    "EventCounts",
    "EventDraft",
    "EventKey",
    "EventOutcome",
    "FolderArtefactStore",
    "Job",
    "JobBook",
    "JobDraft",
    "JobEvent",
    "JobStatus",
    "Landing",
    "Lease",
    "Outcome",
    "OutcomeBook",
    "OutcomeDraft",
    "OutcomeKind",
    "Override",
    "OverrideBook",
    "OverrideDraft",
    "OverrideWeek",
    "Receipt",
    "Recorded",
    "RefusedLine",
    "Release",
    "ReleaseBook",
    "Run",
    "RunBook",
    "ScenarioBook",
    "ScenarioDraft",
    "ScenarioRevision",
    "SqliteDecisionLog",
    "SqliteEventBook",
    "SqliteJobBook",
    "SqliteOutcomeBook",
    "SqliteOverrideBook",
    "SqliteReleaseBook",
    "SqliteRunBook",
    "SqliteScenarioBook",
    "Withdrawal",
]
