"""Going back to an earlier release: by command, after a look at all of it, and never to one that is not whole."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from cli import registry
from cli.main import app
from governance.records import Release, SqliteReleaseBook
from kg.errors import SnapshotError

FIRST = Release("rel_1", datetime(2026, 1, 1, tzinfo=UTC), "2017-12-31", "g1", "1.0", "f1", {"forecast": "m1"}, "p", "run_1")
SECOND = replace(FIRST, id="rel_2", graph_version="g2")


@pytest.fixture
def home(tmp_path, monkeypatch):
    book = SqliteReleaseBook(tmp_path / "releases.sqlite")
    for release in (FIRST, SECOND):
        book.publish(release)
    whole = {"g1", "g2"}

    def services_of(release_id):
        release = book.get(release_id)
        if release.graph_version not in whole:
            raise SnapshotError(f"The snapshot {release.graph_version} is missing.", "Publish another.")
        return SimpleNamespace(release=release)

    monkeypatch.setattr(
        registry.Installation, "open", lambda: SimpleNamespace(books=SimpleNamespace(releases=book), services_of=services_of)
    )
    return SimpleNamespace(book=book, whole=whole)


def test_an_earlier_release_is_current_again(home):
    done = CliRunner().invoke(app, ["registry", "publish", "rel_1", "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["id"] == "rel_1"
    assert home.book.current() == FIRST
    listed = json.loads(CliRunner().invoke(app, ["registry", "releases", "--json"]).stdout)
    assert [release["id"] for release in listed] == ["rel_1", "rel_2"]


def test_a_release_that_is_unknown_or_not_whole_is_not_published(home):
    home.whole.discard("g1")
    for release_id, words in (("rel_1", "is missing"), ("rel_9", "registry releases")):
        done = CliRunner().invoke(app, ["registry", "publish", release_id])
        assert done.exit_code == 1
        assert words in done.output
        assert home.book.current() == SECOND
