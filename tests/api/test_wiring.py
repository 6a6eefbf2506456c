"""What an installation hands on to its parts, and what it says when a part is not there yet."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from api import wiring
from api.settings import Settings
from api.wiring import Installation
from decisions.relations import DiffRequest, QualityNotMeasured, QualityRequest
from decisions.relations.quality import ARTEFACT, quality_files
from governance.records.errors import NothingReleased
from kg.errors import SnapshotError
from pipeline.errors import NotBuilt
from tests.api import scoped_shop, small_shop


def test_without_a_published_graph_the_user_is_told_what_to_run(tmp_path):
    installation = Installation.open(Settings(home=tmp_path))
    for needs_graph in (installation.snapshot, lambda: installation.train(None)):
        with pytest.raises(NotBuilt, match="published graph") as caught:
            needs_graph()
        assert "shelfgraph graph build" in caught.value.remedy
    with pytest.raises(SnapshotError):
        installation.snapshot("gone")


def test_the_embedded_store_gets_its_threads_and_its_patience(tmp_path, monkeypatch):
    given = {}

    def opened(folder, schema, *, settings):
        given.update(threads=settings.threads, seconds=settings.read_timeout_seconds)
        raise SnapshotError("far enough", "")

    monkeypatch.setattr(wiring, "open_embedded", opened)
    installation = Installation.open(Settings(home=tmp_path, threads=3, query_timeout_seconds=7.5))
    with pytest.raises(SnapshotError), installation.graph_of_record():
        pass
    assert given == {"threads": 3, "seconds": 7.5}


def test_neo4j_gets_its_address_and_its_patience(tmp_path, monkeypatch):
    given = {}

    closed = []

    def opened(*address, settings):
        given[len(given)] = (address[:3], settings.read_timeout_seconds)
        return SimpleNamespace(close=lambda: closed.append(address[0]))

    monkeypatch.setattr(wiring, "open_neo4j", opened)
    monkeypatch.setattr(wiring, "GdsAlgorithms", opened)
    own = Settings(home=tmp_path, store="neo4j", neo4j_uri="bolt://own:1", neo4j_password="p", query_timeout_seconds=7.5)
    with Installation.open(own).graph_of_record():
        assert closed == []
    assert closed == ["bolt://own:1"] * 2
    assert given == {0: (("bolt://own:1", "neo4j", "p"), 7.5), 1: (("bolt://own:1", "neo4j", "p"), 7.5)}


def test_relations_are_answered_on_the_published_graph_and_the_back_test_is_that_of_the_release(tmp_path):
    installation = Installation.open(Settings(home=tmp_path))
    with pytest.raises(NotBuilt):
        installation.relations()
    with pytest.raises(NothingReleased):
        installation.released_relations()
    graph = scoped_shop.publish(installation.layout.snapshots)
    assert [version.id for version in installation.graph_versions().published()][-1] == graph.version.id
    assert installation.relations().compare(DiffRequest("isSubstituteFor")).added == 1
    books, asked = installation.books, QualityRequest("isSubstituteFor")
    release = replace(small_shop.services(graph, None).release, graph_version=graph.version.id)
    books.releases.publish(release)
    with pytest.raises(QualityNotMeasured):
        installation.released_relations().quality(asked)
    digest = books.artefacts.put(quality_files(scoped_shop.QUALITY))
    books.releases.publish(replace(release, id="rel_2", models={**release.models, ARTEFACT: digest}))
    assert installation.released_relations().quality(asked).figures_total == 4
    assert installation.released_relations().pictures() == scoped_shop.QUALITY.pictures
