"""The append-only books: decisions, runs, releases and artefacts."""

from governance.records.folder_artefact_store import FolderArtefactStore
from governance.records.ports import (
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

__all__ = [
    "ArtefactStore",
    "ChainBreak",
    "ChainReport",
    "DecisionEntry",
    "DecisionLog",
    "FolderArtefactStore",
    "Release",
    "ReleaseBook",
    "Run",
    "RunBook",
    "SqliteDecisionLog",
    "SqliteReleaseBook",
    "SqliteRunBook",
]
