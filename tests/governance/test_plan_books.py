"""The books of scenarios and overrides: added to and never changed, whoever tries."""

import sqlite3
import tempfile
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from governance.records import (
    Act,
    OverrideDraft,
    OverrideWeek,
    ScenarioDraft,
    SqliteOverrideBook,
    SqliteScenarioBook,
)
from governance.records.errors import (
    BookUnavailable,
    IdempotencyKeyReused,
    OverrideUnknown,
    OverrideWithdrawn,
    ScenarioArchived,
    ScenarioNameTaken,
    ScenarioUnknown,
    VersionConflict,
)
from kit.clock import FixedClock

NOW = datetime(2026, 1, 1, tzinfo=UTC)
AS_OF = date(2017, 12, 31)


def act(key: str, fingerprint: str = "f") -> Act:
    return Act("ann", key, fingerprint)


def scenario(name: str = "summer", changes: bytes = b"[]") -> ScenarioDraft:
    return ScenarioDraft(name, "rel_1", "g1", AS_OF, "ann", changes)


def override(units: float = 5.0, product: str = "p", store: str | None = None) -> OverrideDraft:
    weeks = (OverrideWeek(date(2018, 1, 1), 10.0, units), OverrideWeek(date(2018, 1, 8), 11.5, units))
    return OverrideDraft(product, store, weeks, "why", "ann", NOW + timedelta(days=1), AS_OF, "rel_1", "shelfgraph", "dec_1")


@pytest.fixture
def scenarios(tmp_path):
    book = SqliteScenarioBook(tmp_path / "scenarios.sqlite", clock=FixedClock(NOW))
    yield book
    book.close()


@pytest.fixture
def overrides(tmp_path):
    book = SqliteOverrideBook(tmp_path / "overrides.sqlite", clock=FixedClock(NOW))
    yield book
    book.close()


def test_an_override_comes_back_as_it_was_set(overrides):
    made = overrides.set(override(store="s1"), act("k")).value
    assert made.draft == override(store="s1")
    assert (made.set_at, made.withdrawal) == (NOW, None)
    assert overrides.get(made.id) == made
    assert overrides.of_series("p", "s1") == (made,)
    assert overrides.of_series("p", None) == ()


def test_an_override_ends_when_it_expires_or_is_withdrawn(overrides):
    made = overrides.set(override(), act("k")).value
    expiry = made.draft.expires_at
    assert made.in_force(expiry - timedelta(microseconds=1))
    assert not made.in_force(expiry)
    gone = overrides.withdraw(made.id, author="bob", reason="a slip", as_of=AS_OF, act=act("w")).value
    assert not gone.in_force(NOW)
    assert (gone.withdrawal.author, gone.withdrawal.withdrawn_at, gone.draft) == ("bob", NOW, made.draft)
    with pytest.raises(OverrideWithdrawn):
        overrides.withdraw(made.id, author="bob", reason="x", as_of=AS_OF, act=act("w2"))
    for ask in (overrides.get, lambda one: overrides.withdraw(one, author="b", reason="x", as_of=AS_OF, act=act("w3"))):
        with pytest.raises(OverrideUnknown):
            ask("ovr_none")


def test_the_version_of_a_series_counts_its_records(overrides):
    made = overrides.set(override(), act("a"), expected=0).value
    assert overrides.version("p", None) == 1
    overrides.withdraw(made.id, author="ann", reason="x", as_of=AS_OF, act=act("w"))
    assert overrides.version("p", None) == 2
    with pytest.raises(VersionConflict):
        overrides.set(override(), act("b"), expected=1)
    overrides.set(override(product="q"), act("c"), expected=0)
    assert [one.draft.product_id for one in overrides.latest(limit=9)] == ["q", "p"]
    assert [one.draft.product_id for one in overrides.latest(limit=9, after=overrides.latest(limit=1)[0].id)] == ["p"]


def test_a_repeated_act_is_answered_and_not_done(scenarios, overrides):
    first = scenarios.create(scenario(), act("k"))
    assert scenarios.done(act("k")).value == first.value
    assert scenarios.create(scenario(), act("k")).repeated
    assert scenarios.done(act("other")) is None
    for again in (lambda: scenarios.done(act("k", "g")), lambda: scenarios.create(scenario("x"), act("k", "g"))):
        with pytest.raises(IdempotencyKeyReused):
            again()
    assert len(scenarios.latest(limit=9)) == 1
    one = overrides.set(override(), act("k")).value
    assert overrides.done(act("k")).value == one


@pytest.mark.parametrize(
    ("file", "statement"),
    [
        ("scenarios", "UPDATE scenario_revision SET name = 'x'"),
        ("scenarios", "DELETE FROM scenario_revision"),
        ("scenarios", "DELETE FROM act"),
        ("overrides", "UPDATE forecast_override SET content = x'00'"),
        ("overrides", "DELETE FROM forecast_override"),
        ("overrides", "UPDATE withdrawal SET reason = 'x'"),
        ("overrides", "DELETE FROM withdrawal"),
    ],
)
def test_the_database_itself_refuses_to_forget(scenarios, overrides, tmp_path, file, statement):
    scenarios.create(scenario(), act("k"))
    made = overrides.set(override(), act("k")).value
    overrides.withdraw(made.id, author="ann", reason="x", as_of=AS_OF, act=act("w"))
    with sqlite3.connect(tmp_path / f"{file}.sqlite") as connection, pytest.raises(sqlite3.IntegrityError):
        connection.execute(statement)


def test_a_file_that_is_no_book_is_a_clear_error(tmp_path):
    (tmp_path / "scenarios.sqlite").write_bytes(b"no database at all, only text of some length" * 100)
    with pytest.raises(BookUnavailable, match=r"scenarios\.sqlite cannot be opened"):
        SqliteScenarioBook(tmp_path / "scenarios.sqlite")


class ScenarioLife(RuleBasedStateMachine):
    """Random lives of scenarios beside a model that keeps every revision."""

    names = st.sampled_from(["a", "b", "c"])

    @initialize()
    def open(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.book = SqliteScenarioBook(Path(self.folder.name) / "scenarios.sqlite", clock=FixedClock(NOW))
        self.kept: dict[str, list[tuple[str, bytes, bool]]] = {}
        self.acts = 0

    def teardown(self) -> None:
        if hasattr(self, "book"):
            self.book.close()
            self.folder.cleanup()

    def act(self) -> Act:
        self.acts += 1
        return act(f"k{self.acts}")

    def taken(self, name: str, but: str | None = None) -> bool:
        return any(last[-1][0] == name and not last[-1][2] for one, last in self.kept.items() if one != but)

    @rule(name=names)
    def create(self, name: str) -> None:
        content = b"[%d]" % self.acts
        try:
            made = self.book.create(scenario(name, content), self.act()).value
        except ScenarioNameTaken:
            assert self.taken(name)
            return
        assert not self.taken(name)
        self.kept[made.scenario_id] = [(name, content, False)]

    @rule(which=st.integers(0, 4), name=names, late=st.booleans(), archived=st.booleans())
    def revise(self, which: int, name: str, late: bool, archived: bool) -> None:
        if not self.kept:
            with pytest.raises(ScenarioUnknown):
                self.book.revise("scn_none", scenario(name), self.act(), expected=1)
            return
        one = sorted(self.kept)[which % len(self.kept)]
        revisions = self.kept[one]
        expected = len(revisions) - late
        content = b"[%d]" % self.acts
        try:
            made = self.book.revise(one, scenario(name, content), self.act(), expected=expected, archived=archived).value
        except VersionConflict:
            assert late
        except ScenarioArchived:
            assert revisions[-1][2]
        except ScenarioNameTaken:
            assert self.taken(name, one)
        else:
            assert not late
            assert not revisions[-1][2]
            assert not self.taken(name, one)
            assert made.revision == len(revisions) + 1
            revisions.append((name, content, archived))

    @invariant()
    def every_revision_is_as_it_was(self) -> None:
        for one, revisions in getattr(self, "kept", {}).items():
            for number, (name, content, archived) in enumerate(revisions, 1):
                found = self.book.get(one, number)
                assert (found.draft.name, found.draft.changes, found.archived) == (name, content, archived)
            assert self.book.get(one).revision == len(revisions)

    @invariant()
    def the_list_holds_those_that_are_not_archived(self) -> None:
        if not hasattr(self, "book"):
            return
        listed = {found.scenario_id for found in self.book.latest(limit=99)}
        assert listed == {one for one, revisions in self.kept.items() if not revisions[-1][2]}
        assert {found.scenario_id for found in self.book.latest(limit=99, archived=True)} == set(self.kept)


ScenarioLife.TestCase.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
TestScenarioLife = ScenarioLife.TestCase
