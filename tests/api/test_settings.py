"""Settings that cannot be used end every command with what is wrong and what to do, never with a traceback."""

import pytest
import typer.main
from typer.core import TyperGroup
from typer.testing import CliRunner

from api.settings import Settings, SettingsInvalid, read_settings
from cli.main import app

BAD = {
    "HOST": ("0.0.0.0", "authenticating proxy"),
    "PORT": ("abc", "SHELFGRAPH_PORT: input should be a valid integer"),
    "STORE": ("postgres", "SHELFGRAPH_STORE: input should be 'embedded' or 'neo4j'"),
    "QUERY_MEMORY_GB": ("0", "SHELFGRAPH_QUERY_MEMORY_GB: input should be greater than or equal to 1"),
    "THREADS": ("0", "SHELFGRAPH_THREADS: input should be greater than or equal to 1"),
    "COUNTRY": ("Germany", "SHELFGRAPH_COUNTRY: no public holidays are known of 'Germany'"),
    "NEO4J_URI": ("bolt://elsewhere:7687", "SHELFGRAPH_NEO4J_PASSWORD is not set"),
}
OPENS_NO_HOME = {("ontology", "show"), ("ingest", "contract"), ("neo4j", "install")}


def commands(group, before=()):
    for name, command in group.commands.items():
        if isinstance(command, TyperGroup):
            yield from commands(command, (*before, name))
        else:
            needed = [p for p in command.params if p.required]
            options = [word for p in needed if p.param_type_name == "option" for word in (p.opts[0], "2030-01-01")]
            yield (*before, name), [*(["x"] * sum(p.param_type_name == "argument" for p in needed)), *options]


ALL = [(path, given) for path, given in commands(typer.main.get_command(app)) if path not in OPENS_NO_HOME]


@pytest.mark.parametrize("name", BAD)
def test_what_is_wrong_is_told_without_the_library_s_words(monkeypatch, name):
    value, told = BAD[name]
    monkeypatch.setenv(f"SHELFGRAPH_{name}", value)
    with pytest.raises(SettingsInvalid) as caught:
        read_settings()
    assert told in caught.value.problem
    assert "pydantic" not in str(caught.value)
    assert "docs/settings.md" in caught.value.remedy


def test_a_secret_is_not_repeated(monkeypatch):
    monkeypatch.setenv("SHELFGRAPH_NEO4J_PASSWORD", "canary")
    monkeypatch.setenv("SHELFGRAPH_QUERY_TIMEOUT_SECONDS", "-1")
    with pytest.raises(SettingsInvalid) as caught:
        read_settings()
    assert "canary" not in str(caught.value)
    assert len(caught.value.problems) == 1


def test_an_own_server_with_its_password_is_accepted():
    assert Settings(neo4j_uri="bolt://elsewhere:7687", neo4j_password="x").neo4j_uri == "bolt://elsewhere:7687"


@pytest.mark.parametrize(("path", "given"), ALL, ids=[" ".join(path) for path, _ in ALL])
def test_every_command_ends_clearly(monkeypatch, tmp_path, path, given):
    monkeypatch.setenv("SHELFGRAPH_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SHELFGRAPH_PORT", "abc")
    arguments = ["next_basket"] if path == ("bench",) else given
    done = CliRunner().invoke(app, [*path, *arguments])
    assert done.exit_code == 1, done.output
    assert isinstance(done.exception, SystemExit), done.exception
    assert not (tmp_path / "home").exists()


def test_as_many_commands_as_there_are():
    assert len(ALL) >= 18
