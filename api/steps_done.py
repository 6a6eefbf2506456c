"""Which steps of the demo are done: the run book holds their last run, on the same inputs, and what it made is still there."""

from collections.abc import Mapping
from dataclasses import dataclass

from api.wiring import Installation
from governance.policy import policy_digest
from governance.records import Release, Run
from governance.records.errors import NothingReleased
from ingest.graph_load import REJECTED_TABLE
from kg.errors import SnapshotError
from kg.ports import GraphVersion
from kit.canonical import canonical_value
from pipeline.books import code_version
from pipeline.build import last_full_day
from pipeline.errors import NotBuilt, NothingIngested
from pipeline.feeds import simulation_of

__all__ = ["StepsDone"]

ALGORITHMS = {"embedded": "PortableAlgorithms", "neo4j": "GdsAlgorithms"}
CHANGED = "+changes"


@dataclass(frozen=True, slots=True)
class StepsDone:
    """Compares an installation with its run book.

    A step is done when its last run succeeded, by the same code, with the same parameters, on inputs that have the same
    digests today. Code with changes that were not committed is never the same.
    """

    installation: Installation

    def simulated(self) -> bool:
        """Whether the simulated feeds lie in the lake as they would be made now."""
        try:
            wanted = simulation_of(self.installation.lake, self.installation.settings.seed)
        except NothingIngested:
            return False
        run = self._last("simulate", *wanted)
        return run is not None and run.outputs.items() <= self._tables().items()

    def built(self) -> GraphVersion | None:
        """Return the published version where building it now would change nothing."""
        settings = self.installation.settings
        as_of = last_full_day(self.installation.lake)
        parameters = {"as_of": as_of, "seed": settings.seed, "algorithms": ALGORITHMS[settings.store]}
        run, version = self._last("graph", parameters, self._tables()), self._version()
        return version if run and version and run.outputs.get("graph") == version.digest and version.as_of == as_of else None

    def trained(self) -> Release | None:
        """Return the current release where training it now would change nothing."""
        version = self._version()
        if version is None:
            return None
        settings = self.installation.settings
        parameters = {"as_of": version.as_of, "seed": settings.seed, "country": settings.country}
        run, release = self._last("train", parameters, {"graph": version.digest, **self._tables()}), self._release()
        if run is None or release is None or release.run_id != run.id:
            return None
        same = (release.graph_version, release.policy_digest) == (version.id, policy_digest())
        return release if same else None

    def _last(self, kind: str, parameters: Mapping[str, object], inputs: Mapping[str, str]) -> Run | None:
        """Return the last run of a kind if it did what would be done now."""
        code = code_version()
        for run in self.installation.books.runs.latest(kind, limit=1):
            taken = {name: digest for name, digest in run.inputs.items() if name != REJECTED_TABLE}
            same = (run.status, run.code_version, taken) == ("succeeded", code, inputs)
            if same and run.parameters == canonical_value(parameters) and not code.endswith(CHANGED):
                return run
        return None

    def _tables(self) -> dict[str, str]:
        """Return the digests of the lake's tables; what a build rejects is its own output."""
        lake = self.installation.lake
        return {name: lake.version(name).digest for name in lake.names() if name != REJECTED_TABLE}

    def _version(self) -> GraphVersion | None:
        try:
            return self.installation.snapshot().version
        except (NotBuilt, SnapshotError):
            return None

    def _release(self) -> Release | None:
        try:
            return self.installation.books.releases.current()
        except NothingReleased:
            return None
