"""The projections that a build's relations rest on, kept as an artefact of its run: how old what was looked at is."""

import json
from collections.abc import Sequence

from kg.algorithms import ProjectionInfo, info_of, plain_of
from kg.ports import GraphVersion
from kit.canonical import canonical_bytes
from pipeline.books import Books, RunNotes

__all__ = ["keep_projections", "projections_behind"]

FILE = "projections.json"
OUTPUT = "projections"
RUNS = 100


def keep_projections(books: Books, notes: RunNotes, projections: Sequence[ProjectionInfo]) -> None:
    """Keep what an engine has projected for a run, and note its digest among the run's outputs."""
    content = canonical_bytes([plain_of(one) for one in projections])
    notes.outputs[OUTPUT] = books.artefacts.put({FILE: content})


def projections_behind(books: Books, version: GraphVersion) -> tuple[ProjectionInfo, ...]:
    """Return the projections of the newest build that published a version, oldest first; none where it kept none.

    Raises:
        ArtefactUnknown, ArtefactDamaged: what was kept is not there any more.
    """
    builds = (run for run in books.runs.latest("graph", limit=RUNS) if run.outputs.get("graph") == version.digest)
    kept = next((run.outputs[OUTPUT] for run in builds if OUTPUT in run.outputs), None)
    return () if kept is None else tuple(info_of(one) for one in json.loads(books.artefacts.get(kept)[FILE]))
