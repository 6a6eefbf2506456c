"""What a build's algorithms looked at is kept with its run, and shown with the published version."""

import json
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.main import app
from kg.algorithms import ProjectionInfo
from kg.ports import GraphVersion
from pipeline.books import kept_run, open_books
from pipeline.layout import HomeLayout
from pipeline.projections import keep_projections, projections_behind
from tests.pipeline.conftest import Shop
from tests.tiny_retailer import AS_OF, CATALOGUE

pytestmark = pytest.mark.training

MADE = tuple(
    ProjectionInfo(algorithm, "given edges, both ways", day, datetime(2026, 3, 1, hour, tzinfo=UTC), 5, 8, "portable", "scipy 1")
    for hour, (algorithm, day) in enumerate([("Leiden", date(2017, 6, 1)), ("kNN", None)])
)


def version(digest: str) -> GraphVersion:
    return GraphVersion("g", digest, "1.0", date(2017, 6, 1), datetime(2026, 3, 1, tzinfo=UTC))


def test_the_newest_build_of_a_version_is_asked(tmp_path: Path) -> None:
    books = open_books(HomeLayout(tmp_path))
    for digest, made in (("one", MADE[:1]), ("one", MADE), ("two", ())):
        with kept_run(books, "graph", parameters={}, inputs={}) as notes:
            keep_projections(books, notes, made)
            notes.outputs["graph"] = digest
    assert projections_behind(books, version("one")) == MADE
    assert projections_behind(books, version("two")) == ()
    assert projections_behind(books, version("three")) == ()


def test_a_build_shows_what_its_relations_rest_on(embedded_shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    installation = embedded_shop.installation
    made = projections_behind(installation.books, installation.snapshot().version)
    assert {(one.as_of, one.engine) for one in made} == {(AS_OF, "portable")}
    assert max(one.nodes for one in made) > len(CATALOGUE) / 2
    monkeypatch.setenv("SHELFGRAPH_HOME", str(installation.layout.home))
    shown = CliRunner().invoke(app, ["graph", "status", "--json"])
    assert [one["content"] for one in json.loads(shown.stdout)["projections"]] == [one.content for one in made]
    told = CliRunner().invoke(app, ["graph", "status"])
    assert told.exit_code == 0
    assert "Graph algorithms looked at" in told.stdout
