"""From a published graph to a release: train what is served, publish its features, and name all of it together."""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from functools import cache, partial

import pyarrow as pa
import pyarrow.compute as pc

from decisions import forecast, recommend
from decisions.relations import derive
from decisions.relations.backtest import BackTest
from decisions.relations.derive import MODEL_VERSION
from decisions.relations.fitting import unfitted_model
from features import publish_features
from governance.policy import policy_digest
from governance.records import Release
from kg.ports import CHAIN, GraphVersion
from kit.clock import Clock
from kit.ids import ordered_id
from kit.progress import Progress
from kit.side_by_side import side_by_side
from lake import Lake
from pipeline.books import Books, kept_run
from pipeline.layout import HomeLayout
from pipeline.tried_relations import try_relations
from pipeline.what_ifs import keep_what_ifs

__all__ = ["train_release"]

SIDE_BY_SIDE_LINES = 300_000
"""Sales lines below which one process fits everything: another one needs seconds to begin."""
Fitted = tuple[dict[str, bytes], dict[str, pa.Table], dict[str, float]]
"""Artefact, feature tables, and figures of one room."""


def train_release(
    lake: Lake,
    version: GraphVersion,
    edges: Mapping[str, pa.Table],
    layout: HomeLayout,
    books: Books,
    *,
    as_of: date,
    clock: Clock,
    progress: Progress,
    seed: int,
    country: str | None = None,
) -> Release:
    """Fit the decision models on what was known on `as_of`, and publish them with their features as the current release.

    `edges` are those of the graph's version, derived as of the same day. Back-tests ask for edges of earlier days. The relations
    are back-tested too; where they do worse than the served release's on the same events, nothing is published. `country`: whose
    public holidays forecasts know ahead; None: none.

    Raises:
        RelationsDidWorse: the back-test says so beyond chance.
    """
    inputs = {"graph": version.digest, **{name: lake.version(name).digest for name in lake.names()}}
    with kept_run(books, "train", parameters={"as_of": as_of, "seed": seed, "country": country}, inputs=inputs) as notes:
        models: dict[str, str] = {}
        tables: dict[str, pa.Table] = {}
        tried = try_relations(lake, books, notes, as_of=as_of, progress=progress, seed=seed)
        models.update(tried.artefacts)
        derived_on = partial(_derived_on, lake, tried.result, run_id=notes.run_id, recorded_at=clock.now())
        published = {relation: _of_chain(rows) for relation, rows in edges.items()}
        fit = partial(_fit, lake, published, derived_on, as_of=as_of, seed=seed)
        rooms = partial(fit, partial(forecast.fit, country=country)), partial(fit, recommend.fit)
        both = _both(*rooms, progress, lake.version("sales_lines").rows)
        for room, (artefact, features, figures) in zip(("forecast", "recommend"), both, strict=True):
            models[room] = books.artefacts.put(artefact)
            tables.update(_without_clash(room, tables, features))
            notes.figures.update({f"{room}_{name}": value for name, value in figures.items()})
        recovery = tried.result.model.recovery
        models["substitution"], features = keep_what_ifs(
            lake, books, notes, edges=edges, tried=recovery, as_of=as_of, progress=progress
        )
        tables.update(_without_clash("substitution", tables, features))
        with progress.stage("Publishing features"):
            snapshot = publish_features(layout.features, as_of, tables)
        notes.outputs.update({**models, "features": snapshot.id})
        release = Release(
            id=ordered_id("release"),
            created_at=clock.now(),
            as_of=as_of.isoformat(),
            graph_version=version.id,
            ontology_version=version.ontology_version,
            feature_snapshot=snapshot.id,
            models={**models, "relations": _relations_version(edges)},
            policy_digest=policy_digest(),
            run_id=notes.run_id,
        )
        books.releases.publish(release)
    return release


def _relations_version(edges: Mapping[str, pa.Table]) -> str:
    """Return the version of the rules that derived the served edges: no artefact, they lie in the graph with it."""
    found = {version for rows in edges.values() for version in pc.unique(rows["model_version"]).to_pylist()}
    return "+".join(sorted(found)) or MODEL_VERSION


def _both(
    here: Callable[[Progress], Fitted], there: Callable[[Progress], Fitted], progress: Progress, lines: int
) -> tuple[Fitted, Fitted]:
    """Return what two rooms fit. Where there is much to do, the second works in a process beside the first."""
    return (here(progress), there(progress)) if lines < SIDE_BY_SIDE_LINES else side_by_side(here, there, progress)


def _fit(
    lake: Lake,
    published: Mapping[str, pa.Table],
    derived_on: Callable[[date], Mapping[str, pa.Table]],
    room: Callable[..., Fitted],
    progress: Progress,
    *,
    as_of: date,
    seed: int,
) -> Fitted:
    """Fit one room, in this process or in another: everything given can travel."""
    edges_as_of = _edges_as_of(derived_on, published, as_of, progress=progress)
    return room(lake, as_of=as_of, edges_as_of=edges_as_of, seed=seed, progress=progress)


def _edges_as_of(
    derived_on: Callable[[date], Mapping[str, pa.Table]], published: Mapping[str, pa.Table], as_of: date, *, progress: Progress
) -> Callable[[date], Mapping[str, pa.Table]]:
    """Return what gives the chain's relations as of a day: the published ones for `as_of`, others derived once each.

    The latter serve back-tests and are never stored. They go without the engine's closeness: it only moves priors, and an
    engine would have to be opened and asked anew for each day.
    """

    @cache
    def edges_as_of(day: date) -> Mapping[str, pa.Table]:
        if day == as_of:
            return published
        with progress.stage(f"Deriving relations as of {day}, for back-tests"):
            return derived_on(day)

    return edges_as_of


def _derived_on(lake: Lake, tried: BackTest, day: date, *, run_id: str, recorded_at: datetime) -> Mapping[str, pa.Table]:
    """Derive with the model that the back-test tried, where the day knows it; before, with the model that saw nothing."""
    model = tried.model if day >= tried.held_out_since else unfitted_model()
    return derive(lake, None, as_of=day, run_id=run_id, recorded_at=recorded_at, model=model, scoped=False).edges


def _of_chain(rows: pa.Table) -> pa.Table:
    return rows.filter(pc.equal(rows["scope"], CHAIN)) if "scope" in rows.column_names else rows


def _without_clash(room: str, tables: Mapping[str, pa.Table], features: Mapping[str, pa.Table]) -> Mapping[str, pa.Table]:
    clashes = sorted(tables.keys() & features.keys())
    if clashes:
        raise ValueError(f"{room} names feature tables that another room has: {', '.join(clashes)}")
    return features
