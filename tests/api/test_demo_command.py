"""The demo ends with exit code 1 where a query of it was not answered, and shows answers with their paths where it was."""

import json
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from api.examples import Example
from cli import demo
from cli.main import app

EXAMPLE = Example("merchandiser", "One query", "Shows a path.", "query One { product { id } }", {"id": "1"})
HOP = {"source": {"displayName": "a"}, "relation": "isSubstituteFor", "target": {"displayName": "b"}}
PATHS = [{"contribution": 1.0, "hops": [HOP] * 4}, {"contribution": 0.0, "hops": []}, {"contribution": 0.0, "hops": []}]
WHOLE = {"data": {"product": {"substitutes": {"edges": [{"explanation": {"text": "So.", "paths": PATHS}}]}}}}
UNANSWERED = {
    "errors": ({**WHOLE, "errors": [{"message": "masked-canary"}]}, "masked-canary"),
    "no data": ({"data": None}, "no data"),
    "a problem": ({"data": {"product": {"message": "no such product", "remedy": "look elsewhere"}}}, "look elsewhere"),
    "no path": ({"data": {"product": {"edges": [{"explanation": {"text": "So.", "paths": []}}]}}}, "no path"),
    "a path without hops": ({"data": {"product": {"explanation": {"paths": [{"hops": []}]}}}}, "no path"),
}


@pytest.fixture
def run(monkeypatch, tmp_path):
    """Run `shelfgraph demo` on a home that is built already, with a server that gives one answer."""

    def invoke(answer, *options):
        home = SimpleNamespace(
            settings=SimpleNamespace(store="embedded", port=0), snapshot=lambda: None,
            books=SimpleNamespace(releases=SimpleNamespace(current=lambda: "rel_1")),
        )  # fmt: skip
        monkeypatch.setattr(demo.Installation, "open", lambda: home)
        monkeypatch.setattr(demo, "_prepare", lambda *_, **__: None)
        monkeypatch.setattr(demo, "build_examples", lambda _: (EXAMPLE,))
        monkeypatch.setattr(demo, "run_server", lambda *_, when_ready, **__: when_ready("http://here"))
        monkeypatch.setattr(demo, "ask", lambda *_: answer)
        return CliRunner().invoke(app, ["demo", "--seconds-to-serve", "0", *options])

    return invoke


@pytest.mark.parametrize("name", UNANSWERED)
def test_what_is_no_answer_ends_the_demo(run, name):
    answer, told = UNANSWERED[name]
    done = run(answer)
    assert done.exit_code == 1
    shown = " ".join(done.output.split())
    assert "The query 'One query' was not answered" in shown
    assert told in shown
    assert "Playground" not in shown


def test_a_whole_answer_is_shown_with_its_paths(run):
    done = run(WHOLE)
    assert done.exit_code == 0, done.output
    assert done.output.count('"relation": "isSubstituteFor"') == 4
    assert "… 1 more" in done.output
    assert "Playground: http://here/" in done.output


def test_the_answers_are_given_to_programs(run):
    done = run(WHOLE, "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert (told["address"], told["release"]) == ("http://here", "rel_1")
    assert told["answers"] == [{**EXAMPLE.as_json(), "data": WHOLE["data"]}]
