"""Where concrete parts meet their ports: one installation, opened from its settings."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import date
from functools import cache, cached_property, lru_cache, partial
from pathlib import Path

from api.planning.delisting import WhatIfOutcomes
from api.planning.parts import Planner, Planning
from api.services import NoWhatIfs, Services, WhatIfs
from api.settings import Settings, read_settings
from decisions.envelope import Freshness
from decisions.forecast import ForecastService
from decisions.recommend import RecommendService
from decisions.recommend.placements import DEFAULT_PLACEMENTS, read_placements
from decisions.recommend.rules import EligibilitySettings
from decisions.relations import RelationService
from decisions.relations.quality import ARTEFACT, RelationQuality, read_quality
from decisions.scenarios import horizon_of
from decisions.search import ProductSearch
from decisions.substitution import ARTEFACT as WHAT_IFS
from decisions.substitution import NotServed, SubstitutionService
from features import FeatureSnapshot, open_features
from governance.policy import development_principal
from governance.records import Release, SqliteDecisionLog
from ingest import IngestReport, ReplayReport, freshness, load_source
from kg.algorithms import GdsAlgorithms, GraphAlgorithms, PortableAlgorithms
from kg.embedded_store import EmbeddedSettings, open_embedded
from kg.neo4j_store import Neo4jSettings, open_neo4j
from kg.neo4j_store.server import RunningServer, start
from kg.ports import GraphStore
from kg.snapshot import Snapshot, SnapshotVersions, current_folder, open_snapshot
from kg.snapshot.publish import CURRENT
from kit.clock import SystemClock
from kit.progress import Progress
from lake.delta_lake import DeltaLake
from ontology.schema import load_schema
from pipeline.books import Books, PlanningBooks, open_books, open_decision_log, open_planning_books
from pipeline.build import BuiltGraph, build_graph, last_full_day
from pipeline.errors import NotBuilt
from pipeline.feeds import ingest_one_feed, ingest_source, replay_feed, simulate_missing_feeds
from pipeline.layout import HomeLayout
from pipeline.override_actuals import measure_overrides
from pipeline.relation_events import EventFilter, EventList, list_events
from pipeline.relation_evidence import EvidenceFilter, EvidenceList, list_evidence
from pipeline.relation_scopes import ScopeList, list_scopes
from pipeline.train import train_release
from pipeline.what_if_sources import open_what_ifs

__all__ = ["Installation"]

DERIVED = ("isBoughtWith", "isSubstituteFor", "isComplementTo")


@dataclass(frozen=True, slots=True)
class OpenedGraph:
    """A store and the algorithms that fit it: Graph Data Science on Neo4j, sparse matrices elsewhere."""

    store: GraphStore
    algorithms: GraphAlgorithms


@dataclass(frozen=True)
class Installation:
    """One home folder with everything in it. Parts are opened when they are first needed."""

    settings: Settings
    layout: HomeLayout

    @classmethod
    def open(cls, settings: Settings | None = None) -> "Installation":
        """Open the installation that the settings (or the environment) name. Raises: SettingsInvalid."""
        settings = settings or read_settings()
        return cls(settings, HomeLayout(settings.home.resolve()))

    @cached_property
    def lake(self) -> DeltaLake:
        return DeltaLake(self.layout.lake, threads=self.settings.threads, memory_gb=self.settings.query_memory_gb)

    @cached_property
    def books(self) -> Books:
        return open_books(self.layout)

    @cached_property
    def planning_books(self) -> PlanningBooks:
        return open_planning_books(self.layout)

    def planning(self, wake: Callable[[], None] | None = None) -> Planning:
        """Open what planners work with; `wake` is told when a job was queued."""
        measure = partial(measure_overrides, self.lake)
        told = {} if wake is None else {"wake": wake}
        return Planning(self.planning_books, measure, self.settings.job_queue, **told)

    def planner(self) -> Planner:
        """Open whoever sits before this machine as a planner at work on the current release. What is answered is not logged.

        Raises: BookUnavailable.
        """
        current = cache(lambda: self.kept_services(self.books.releases.current().id))
        return Planner(current, self.planning(), development_principal(self.settings.host))

    def decision_log(self, *, read_only: bool = False) -> SqliteDecisionLog:
        """Open the decision log; only the server opens it for writing."""
        return open_decision_log(self.layout, read_only=read_only)

    def pseudonym_key(self) -> bytes:
        """Return the key of the household pseudonyms: the one set, or the one kept in the vault."""
        key = self.settings.pseudonym_key
        return key.get_secret_value().encode() if key else self.layout.pseudonym_key()

    def cursor_key(self) -> bytes:
        """Return the key of this home's cursors: the same for every release, so that an older one's cursors are known as such."""
        return self.layout.key("cursor")

    def ingest(self, source: str, path: Path | None, progress: Progress, *, feed: str | None = None) -> IngestReport:
        """Load the feeds of a source into the lake, or one feed of it from the file `path`."""
        key = self.pseudonym_key()
        if feed:
            return ingest_one_feed(self.lake, self.books, load_source(source), feed, path, pseudonym_key=key, progress=progress)
        return ingest_source(self.lake, self.books, load_source(source, path), pseudonym_key=key, progress=progress)

    def simulate(self, progress: Progress) -> IngestReport:
        """Make the feeds that the source lacks, marked as simulated."""
        return simulate_missing_feeds(self.lake, self.books, seed=self.settings.seed, progress=progress)

    def replay(self, source: str, feed: str, corrections: Path | None, progress: Progress) -> ReplayReport:
        """Give the quarantined rows of a feed another try."""
        key = self.pseudonym_key()
        return replay_feed(self.lake, self.books, load_source(source), feed, corrections, pseudonym_key=key, progress=progress)

    @contextmanager
    def graph_of_record(self, progress: Progress | None = None) -> Iterator["OpenedGraph"]:
        """Open the graph of record with its algorithms: embedded, a Neo4j whose address is set, or the local one, installed and
        started, before the eyes of `progress`, when it is down.
        """
        with ExitStack() as parts:
            yield self._neo4j(progress, parts) if self.settings.store == "neo4j" else self._embedded(parts)

    def build(self, progress: Progress, *, fresh: bool = False) -> BuiltGraph:
        """Load the facts into the store, derive relations and publish the snapshot."""
        with self.graph_of_record(progress) as opened:
            if fresh:
                opened.store.clear()
            return build_graph(
                self.lake,
                opened.store,
                opened.algorithms,
                self.layout,
                self.books,
                as_of=last_full_day(self.lake),
                clock=SystemClock(),
                progress=progress,
                seed=self.settings.seed,
            )

    def snapshot(self, version: str | None = None) -> Snapshot:
        """Open a published graph version, the current one unless named. Raises: NotBuilt, SnapshotError."""
        root = self.layout.snapshots
        if version is None and not (root / CURRENT).exists():
            raise NotBuilt("published graph", "shelfgraph graph build")
        return open_snapshot(root / version if version else current_folder(root))

    def train(self, progress: Progress) -> Release:
        """Train on the published graph and release all of it together."""
        graph = self.snapshot()
        edges = {relation: graph.export_edges(relation) for relation in DERIVED}
        return train_release(
            self.lake,
            graph.version,
            edges,
            self.layout,
            self.books,
            as_of=graph.version.as_of,
            clock=SystemClock(),
            progress=progress,
            seed=self.settings.seed,
            country=self.settings.country,
        )

    def what_ifs(self, progress: Progress) -> SubstitutionService:
        """Open what answers what-ifs of the current release.

        Raises: NothingReleased, NotServed, SnapshotError, ArtefactDamaged.
        """
        with progress.stage("Opening the release"):
            opened = self.services_of().what_ifs
        if not isinstance(opened, SubstitutionService):
            raise NotServed
        return opened

    def services_of(self, release_id: str | None = None) -> Services:
        """Open everything that answers for a release, the current one unless named."""
        release = self.books.releases.get(release_id) if release_id else self.books.releases.current()
        graph = self.snapshot(release.graph_version)
        features = open_features(self.layout.features / release.feature_snapshot)
        artefacts = self.books.artefacts
        relations = RelationService(graph, versions=self.graph_versions(), quality=self._quality(release))
        forecaster = ForecastService(graph, features, artefacts.get(release.models["forecast"]))
        what_ifs = self._what_ifs(release, graph, features, relations, forecaster)
        outcomes = WhatIfOutcomes(what_ifs, horizon_of(graph.version.as_of).first_week)
        return Services(
            release=release,
            graph=graph,
            relations=relations,
            recommender=self._recommender(release, graph, features),
            forecaster=forecaster,
            search=ProductSearch.build(graph),
            what_ifs=what_ifs,
            freshness=self._freshness(date.fromisoformat(release.as_of)),
            delistings=outcomes if isinstance(what_ifs, SubstitutionService) else None,
            placements=DEFAULT_PLACEMENTS if self.settings.placements is None else read_placements(self.settings.placements),
            discovery_share=self.settings.discovery_share,
        )

    def _recommender(self, release: Release, graph: Snapshot, features: FeatureSnapshot) -> RecommendService:
        bounds = EligibilitySettings(stock_age_days=self.settings.recommend_stock_age_days)
        return RecommendService(graph, features, self.books.artefacts.get(release.models["recommend"]), settings=bounds)

    @cached_property
    def kept_services(self) -> Callable[[str], Services]:
        """Opens a release by its id as `services_of` does, and keeps it until another is asked for."""
        return lru_cache(maxsize=1)(self.services_of)

    def graph_versions(self) -> SnapshotVersions:
        """Return the published graph versions."""
        return SnapshotVersions(self.layout.snapshots)

    def relations(self) -> RelationService:
        """Open what answers about relations on the published graph. Raises: NotBuilt, SnapshotError."""
        return RelationService(self.snapshot(), versions=self.graph_versions())

    def released_relations(self) -> RelationService:
        """Open what answers about the relations of the current release, its back-test included.

        Raises: NothingReleased, SnapshotError, ArtefactDamaged, QualityArtefactError.
        """
        release = self.books.releases.current()
        graph = self.snapshot(release.graph_version)
        return RelationService(graph, versions=self.graph_versions(), quality=self._quality(release))

    def relation_events(self, as_of: date | None, wanted: EventFilter, progress: Progress) -> EventList:
        """List the events that relations are tried on, as known on a day, the last full one unless named."""
        with progress.stage("Finding events"):
            return list_events(self.lake, as_of or last_full_day(self.lake), wanted)

    def relation_evidence(self, as_of: date | None, wanted: EvidenceFilter, progress: Progress) -> EvidenceList:
        """List what behaviour says about a product and others up to a day, the last full one unless named."""
        with progress.stage("Counting baskets, next purchases and repertoires"):
            return list_evidence(self.lake, as_of or last_full_day(self.lake), wanted)

    def relation_scopes(self, as_of: date | None, progress: Progress) -> ScopeList:
        """List the parts of the chain that relations are told in, as known on a day, the last full one unless named."""
        with progress.stage("Looking at stores and households"):
            return list_scopes(self.lake, as_of or last_full_day(self.lake))

    def _what_ifs(
        self,
        release: Release,
        graph: Snapshot,
        features: FeatureSnapshot,
        relations: RelationService,
        forecaster: ForecastService,
    ) -> WhatIfs:
        """Return what answers what-ifs; of a release that was made before they were known, what refuses them."""
        digest = release.models.get(WHAT_IFS)
        if digest is None:
            return NoWhatIfs()
        return open_what_ifs(graph, features, self.books.artefacts.get(digest), forecaster, relations)

    def _quality(self, release: Release) -> RelationQuality | None:
        """Return the back-test of a release's relations; None where it was made without one."""
        digest = release.models.get(ARTEFACT)
        return None if digest is None else read_quality(self.books.artefacts.get(digest))

    def _freshness(self, as_of: date) -> tuple[Freshness, ...]:
        return tuple(
            Freshness(found.table, found.newest, (as_of - found.newest).days, found.simulated)
            for found in freshness(self.lake, as_of)
            if found.rows and found.newest is not None
        )

    def start_neo4j(self, progress: Progress | None = None) -> RunningServer:
        """Return the local Neo4j of this home, installed and started where it is not."""
        settings = self.settings
        return start(self.layout.neo4j, heap=settings.neo4j_heap, pagecache=settings.neo4j_pagecache, progress=progress)

    def _embedded(self, parts: ExitStack) -> "OpenedGraph":
        settings, schema = self.settings, load_schema()
        limits = EmbeddedSettings(threads=settings.threads, read_timeout_seconds=settings.query_timeout_seconds)
        store = parts.enter_context(closing(open_embedded(self.layout.embedded_graph, schema, settings=limits)))
        return OpenedGraph(store, PortableAlgorithms(store, schema))

    def _neo4j(self, progress: Progress | None, parts: ExitStack) -> "OpenedGraph":
        settings, schema = self.settings, load_schema()
        limits = Neo4jSettings(read_timeout_seconds=settings.query_timeout_seconds)
        if settings.neo4j_uri and settings.neo4j_password:  # the settings refuse the one without the other
            address = (settings.neo4j_uri, settings.neo4j_user, settings.neo4j_password.get_secret_value())
        else:
            running = self.start_neo4j(progress)
            address = (running.uri, running.user, running.password)
        store = parts.enter_context(closing(open_neo4j(*address, schema, settings=limits)))
        return OpenedGraph(store, parts.enter_context(closing(GdsAlgorithms(*address, schema, settings=limits))))
