"""The append-only books: decisions, runs, releases and artefacts."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

__all__ = [
    "Act",
    "ArtefactStore",
    "ChainBreak",
    "ChainReport",
    "DecisionEntry",
    "DecisionLog",
    "Release",
    "ReleaseBook",
    "Run",
    "RunBook",
]


@dataclass(frozen=True, slots=True)
class Act:
    """Something that is to happen once: who does it, under which key of theirs, and a digest of what it is."""

    principal: str
    key: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class DecisionEntry:
    """One decision as it was answered. `request` and `answer` are canonical JSON bytes (`kit.canonical`)."""

    id: str
    kind: str
    recorded_at: datetime
    principal: str
    release_id: str
    header: bytes
    request: bytes
    answer: bytes


@dataclass(frozen=True, slots=True)
class ChainBreak:
    """The first place where the hash chain does not hold."""

    position: int
    decision_id: str
    problem: str


@dataclass(frozen=True, slots=True)
class ChainReport:
    """What verifying the log found. `broken` is None when every row is as it was written."""

    entries: int
    head: str
    broken: ChainBreak | None


class DecisionLog(Protocol):
    """Entries are durable when `append` returns, in one order, each hashed with the one before it."""

    @property
    def writable(self) -> bool:
        """Whether entries are taken: false once it is closed, opened to read, or left by its writer."""
        ...

    def append(self, entry: DecisionEntry) -> str:
        """Write one entry and return its chain hash. Raises: DecisionLogUnavailable."""
        ...

    def get(self, decision_id: str) -> DecisionEntry:
        """Return an entry. Raises: DecisionUnknown."""
        ...

    def entries(self, *, after: str | None = None, limit: int = 1000) -> Iterator[DecisionEntry]:
        """Yield entries in the order they were written."""
        ...

    def verify(self) -> ChainReport:
        """Recompute every hash from the first entry to the head that is kept beside the database."""
        ...


@dataclass(frozen=True, slots=True)
class Run:
    """One ingest, graph build, training or benchmark: what went in, what came out."""

    id: str
    kind: str
    started_at: datetime
    finished_at: datetime | None
    code_version: str
    parameters: Mapping[str, Any]
    inputs: Mapping[str, str]
    """Digest of each input by name."""
    figures: Mapping[str, float]
    outputs: Mapping[str, str]
    """Digest of each output by name."""
    status: str
    """`running`, `succeeded` or `failed`."""


class RunBook(Protocol):
    """The register of runs. A finished run is never changed."""

    def start(self, kind: str, *, parameters: Mapping[str, Any], inputs: Mapping[str, str]) -> Run:
        """Open a run and return it."""
        ...

    def finish(self, run_id: str, *, figures: Mapping[str, float], outputs: Mapping[str, str], status: str = "succeeded") -> Run:
        """Close a run. Raises: RunUnknown, RunFinished."""
        ...

    def get(self, run_id: str) -> Run:
        """Return a run. Raises: RunUnknown."""
        ...

    def latest(self, kind: str | None = None, *, limit: int = 20) -> tuple[Run, ...]:
        """Return the newest runs first."""
        ...


@dataclass(frozen=True, slots=True)
class Release:
    """What is served together: one graph version, one feature snapshot, the models, the ontology and the policy."""

    id: str
    created_at: datetime
    as_of: str
    graph_version: str
    ontology_version: str
    feature_snapshot: str
    models: Mapping[str, str]
    """Artefact digest by decision room, such as `recommend`."""
    policy_digest: str
    run_id: str


class ReleaseBook(Protocol):
    """Releases are only ever added; one of them is current."""

    def publish(self, release: Release) -> None:
        """Add a release and make it the current one, atomically. One that was published before becomes current again."""
        ...

    def current(self) -> Release:
        """Return the current release. Raises: NothingReleased."""
        ...

    def get(self, release_id: str) -> Release:
        """Return a release. Raises: ReleaseUnknown."""
        ...

    def latest(self, *, limit: int = 20) -> tuple[Release, ...]:
        """Return releases, the current one first, then by when they were last published."""
        ...


class ArtefactStore(Protocol):
    """Files by content hash. What was put can neither be changed nor replaced."""

    def put(self, files: Mapping[str, bytes]) -> str:
        """Keep named files as one artefact and return its digest (over names and contents). Twice is once."""
        ...

    def get(self, digest: str) -> Mapping[str, bytes]:
        """Return the files after checking every digest. Raises: ArtefactUnknown, ArtefactDamaged."""
        ...
