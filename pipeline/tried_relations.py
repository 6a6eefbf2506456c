"""The back-test of a release's relations: run, kept as artefacts, and the gate that it is to publishing."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from decisions.relations.backtest import BackTest, back_test
from decisions.relations.choice import ChoiceModel
from decisions.relations.quality import ARTEFACT as QUALITY
from decisions.relations.quality import quality_files
from decisions.relations.stored import ARTEFACT as CHOICE
from decisions.relations.stored import model_files, read_model
from governance.records.errors import NothingReleased
from kit.progress import Progress
from lake import Lake
from pipeline.books import Books, RunNotes
from pipeline.errors import RelationsDidWorse

__all__ = ["TriedRelations", "try_relations"]


@dataclass(frozen=True, slots=True, eq=False)
class TriedRelations:
    """What the back-test found, and the digests of its artefacts under the names that a release keeps them by."""

    result: BackTest
    artefacts: Mapping[str, str]


def try_relations(lake: Lake, books: Books, notes: RunNotes, *, as_of: date, progress: Progress, seed: int) -> TriedRelations:
    """Back-test the relations, keep what was found, and refuse what does worse than what is served.

    Raises:
        RelationsDidWorse: first choices are less likely than under the served release's model, on the same events, beyond chance.
    """
    with progress.stage("Back-testing relations"):
        result = back_test(lake, as_of=as_of, seed=seed, served=_served(books))
    quality = quality_files(result.quality)
    digests = {QUALITY: books.artefacts.put(quality), CHOICE: books.artefacts.put(model_files(result.model.choice))}
    notes.outputs.update(digests)
    notes.figures.update(
        {
            f"relations_{one.system}_{one.metric}": one.value
            for one in result.quality.figures
            if one.category is None and one.slice == "test"
        }
    )
    if result.gain_on_served is not None:
        notes.figures["relations_gain_on_served"] = result.gain_on_served[0]
    if result.worse_than_served and result.gain_on_served is not None:
        raise RelationsDidWorse(*result.gain_on_served)
    return TriedRelations(result, digests)


def _served(books: Books) -> ChoiceModel | None:
    try:
        digest = books.releases.current().models.get(CHOICE)
    except NothingReleased:
        return None
    return None if digest is None else read_model(books.artefacts.get(digest))
