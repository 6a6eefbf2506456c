"""What a release keeps for what-ifs: the recovery of the model behind its edges, and the shop's facts."""

from collections.abc import Mapping
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc

from decisions import substitution
from decisions.relations.diversion import DiversionModel
from decisions.relations.recovery import Recovery
from decisions.substitution import RecoveryFigures
from governance.records.errors import RunUnknown
from kit.progress import Progress
from lake import Lake
from pipeline.books import Books, RunNotes

__all__ = ["keep_what_ifs", "note_recovery"]

RELATION = "isSubstituteFor"
NOTED = ("recovery", "recovery_error", "recovery_events")
"""Under these names the run that derives a graph's edges remembers the recovery of its model."""


def note_recovery(notes: RunNotes, model: DiversionModel) -> None:
    """Remember the recovery of the model behind the edges of a graph: they do not hold it."""
    told = model.recovery
    notes.figures.update(zip(NOTED, (told.share, told.error, float(told.events)), strict=True))


def keep_what_ifs(
    lake: Lake,
    books: Books,
    notes: RunNotes,
    *,
    edges: Mapping[str, pa.Table],
    tried: Recovery,
    as_of: date,
    progress: Progress,
) -> tuple[str, dict[str, pa.Table]]:
    """Return the digest of the release's artefact for what-ifs, and its feature tables.

    Args:
        lake: the facts.
        books: where artefacts and runs are kept.
        notes: of the run that trains.
        edges: those that are served.
        tried: the recovery of the model that the back-test tried, for a graph whose run did not note its own.
        as_of: the day of the release.
        progress: who watches.
    """
    with progress.stage("Keeping what what-ifs need"):
        recovery = _recovery(books, edges, tried)
        artefact, tables, figures = substitution.fit(lake, as_of=as_of, recovery=recovery)
    notes.figures.update({f"substitution_{name}": value for name, value in figures.items()})
    return books.artefacts.put(artefact), tables


def _recovery(books: Books, edges: Mapping[str, pa.Table], tried: Recovery) -> RecoveryFigures:
    """Return the recovery that the run noted which derived the edges; that of the back-test where none did."""
    runs = pc.unique(edges[RELATION]["run_id"]).to_pylist() if RELATION in edges else []
    for run_id in runs:
        try:
            figures = books.runs.get(run_id).figures
        except RunUnknown:
            continue
        if all(name in figures for name in NOTED):
            share, error, events = (figures[name] for name in NOTED)
            return RecoveryFigures(share, error, int(events), "graph")
    return RecoveryFigures(tried.share, tried.error, tried.events, "back_test")
