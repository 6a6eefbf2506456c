"""A second demo does again only what something new asks for: over the tiny retailer, built for real."""

import json

import pytest

from api import steps_done
from api.settings import Settings
from api.steps_done import StepsDone
from api.wiring import Installation
from decisions.relations.derive import MODEL_VERSION
from ingest import load_source
from ingest.home import enter_source
from kit.progress import SilentProgress
from pipeline import books
from tests.tiny_retailer import build_tiny_lake

pytestmark = pytest.mark.training

CODE = "0123456789ab"


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    return Settings(home=tmp_path_factory.mktemp("done"), threads=1, port=0)


@pytest.fixture(scope="module")
def built(settings):
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(books, "code_version", lambda: CODE)
        installation = Installation.open(settings)
        build_tiny_lake(installation.layout.lake)
        before = StepsDone(installation)
        assert before.built() is before.trained() is None
        installation.build(SilentProgress())
        installation.train(SilentProgress())
    return installation


@pytest.fixture
def done(built, settings, monkeypatch):
    """A look at the same home by the same code; with changes, under other settings."""
    monkeypatch.setattr(steps_done, "code_version", lambda: CODE)
    return lambda **changed: StepsDone(Installation.open(settings.model_copy(update=changed)))


def test_nothing_is_done_again_where_nothing_is_new(built, done):
    assert done().built() == built.snapshot().version
    assert done().trained() == built.books.releases.current()


def test_the_release_names_the_rules_of_its_relations(built):
    release = built.books.releases.current()
    assert release.models["relations"] == MODEL_VERSION
    assert set(release.models) == {"relations", "relation_quality", "relation_choice", "recommend", "forecast", "substitution"}
    outputs = built.books.runs.latest("train", limit=1)[0].outputs
    assert set(outputs) == {"relation_quality", "relation_choice", "recommend", "forecast", "substitution", "features"}
    header = json.loads(json.dumps(dict(release.models)))
    assert built.services_of(release.id).release.models == header


@pytest.mark.parametrize("changed", [{"seed": 1}, {"store": "neo4j"}])
def test_another_setting_is_built_anew(done, changed):
    assert done(**changed).built() is None


@pytest.mark.parametrize("code", ["ffffffffffff", f"{CODE}+changes"])
def test_other_code_does_it_again(done, monkeypatch, code):
    monkeypatch.setattr(steps_done, "code_version", lambda: code)
    assert done().built() is None
    assert done().trained() is None
    assert not done().simulated()


def test_other_facts_are_built_and_trained_anew(built, done, monkeypatch):
    lake = type(built.lake)
    real = lake.version

    def changed(self, name):
        found = real(self, name)
        return type(found)(**{**{f: getattr(found, f) for f in found.__dataclass_fields__}, "digest": "other"})

    monkeypatch.setattr(lake, "version", changed)
    assert done().built() is None
    assert done().trained() is None


def test_a_run_that_failed_is_done_again(built, done):
    run = built.books.runs.latest("graph", limit=1)[0]
    again = built.books.runs.start("graph", parameters=run.parameters, inputs=run.inputs)
    built.books.runs.finish(again.id, figures={}, outputs=dict(run.outputs), status="failed")
    assert done().built() is None


def test_simulated_feeds_are_made_anew_when_sales_or_their_own_tables_changed(tmp_path, monkeypatch):
    monkeypatch.setattr(books, "code_version", lambda: CODE)
    monkeypatch.setattr(steps_done, "code_version", lambda: CODE)
    home = Installation.open(Settings(home=tmp_path, threads=1, port=0))
    build_tiny_lake(home.layout.lake)
    assert not StepsDone(home).simulated()
    enter_source(home.lake, load_source("completejourney"))
    assert not StepsDone(home).simulated()
    home.simulate(SilentProgress())
    assert StepsDone(home).simulated()
    assert not StepsDone(Installation.open(Settings(home=tmp_path, seed=1))).simulated()
    made = home.lake.arrow("stock_levels")
    home.lake.replace("stock_levels", made.slice(1))
    assert not StepsDone(home).simulated()
    home.lake.replace("stock_levels", made)
    assert StepsDone(home).simulated()
    home.lake.replace("sales_lines", home.lake.arrow("sales_lines").slice(1))
    assert not StepsDone(home).simulated()
