"""From a published graph to a release: train what is served, publish its features, and name all of it together."""

from collections.abc import Mapping
from datetime import date

import pyarrow as pa

from decisions import forecast, recommend
from features import publish_features
from governance.policy import policy_digest
from governance.records import Release
from kg.ports import GraphVersion
from kit.clock import Clock
from kit.ids import ordered_id
from kit.progress import Progress
from lake import Lake
from pipeline.books import Books, kept_run
from pipeline.layout import HomeLayout

__all__ = ["train_release"]


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
) -> Release:
    """Fit the decision models on what was known on `as_of`, and publish them with their features as the current release."""
    inputs = {"graph": version.digest, **{name: lake.version(name).digest for name in lake.names()}}
    with kept_run(books, "train", parameters={"as_of": as_of, "seed": seed}, inputs=inputs) as notes:
        models: dict[str, str] = {}
        tables: dict[str, pa.Table] = {}
        for room, fit in (("forecast", forecast.fit), ("recommend", recommend.fit)):
            artefact, features, figures = fit(lake, as_of=as_of, edges=edges, seed=seed, progress=progress)
            models[room] = books.artefacts.put(artefact)
            tables.update(_without_clash(room, tables, features))
            notes.figures.update({f"{room}_{name}": value for name, value in figures.items()})
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
            models=models,
            policy_digest=policy_digest(),
            run_id=notes.run_id,
        )
        books.releases.publish(release)
    return release


def _without_clash(room: str, tables: Mapping[str, pa.Table], features: Mapping[str, pa.Table]) -> Mapping[str, pa.Table]:
    clashes = sorted(tables.keys() & features.keys())
    if clashes:
        raise ValueError(f"{room} names feature tables that another room has: {', '.join(clashes)}")
    return features
