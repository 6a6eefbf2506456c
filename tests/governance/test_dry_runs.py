"""A dry run of every act of a planner: refused where the act would be, and nothing is left of it either way."""

import sqlite3
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime

import pytest

from governance.records import (
    Act,
    JobDraft,
    OverrideDraft,
    OverrideWeek,
    ScenarioDraft,
    SqliteJobBook,
    SqliteOverrideBook,
    SqliteScenarioBook,
)
from governance.records.errors import (
    IdempotencyKeyReused,
    JobNotResumable,
    JobOver,
    JobQueueFull,
    JobUnknown,
    OverrideUnknown,
    OverrideWithdrawn,
    ScenarioArchived,
    ScenarioNameTaken,
    ScenarioUnknown,
    VersionConflict,
)

AS_OF = date(2017, 12, 31)
SCENARIO = ScenarioDraft("summer", "rel_1", "g1", AS_OF, "ann", b"[]")
WEEKS = (OverrideWeek(date(2018, 1, 1), 10.0, 5.0),)
OVERRIDE = OverrideDraft("p", None, WEEKS, "why", "ann", datetime(2099, 1, 1, tzinfo=UTC), AS_OF, "rel_1", "shelfgraph", None)
JOB = JobDraft("scenario_comparison", b"{}", "rel_1", "ann", 3)
WITHDRAWAL = {"author": "ann", "reason": "a slip", "as_of": AS_OF}


def act(key, fingerprint="f"):
    return Act("ann", key, fingerprint)


@dataclass
class Books:
    """The three books, with something in every state that an act may meet; `ids` names it."""

    folder: object
    scenarios: SqliteScenarioBook
    overrides: SqliteOverrideBook
    jobs: SqliteJobBook
    ids: dict = field(default_factory=dict)

    def content(self):
        """All that is on disk, as statements."""
        found = {}
        for path in sorted(self.folder.glob("*.sqlite")):
            connection = sqlite3.connect(path)
            found[path.name] = list(connection.iterdump())
            connection.close()
        return found


@pytest.fixture
def books(tmp_path):
    opened = (
        SqliteScenarioBook(tmp_path / "scenarios.sqlite"), SqliteOverrideBook(tmp_path / "overrides.sqlite"),
        SqliteJobBook(tmp_path / "jobs.sqlite"),
    )  # fmt: skip
    scenarios, overrides, jobs = opened
    ids = {"summer": scenarios.create(SCENARIO, act("used")).value.scenario_id}
    ids["old"] = scenarios.create(replace(SCENARIO, name="old"), act("old")).value.scenario_id
    scenarios.revise(ids["old"], replace(SCENARIO, name="old"), act("archived"), expected=1, archived=True)
    ids["set"] = overrides.set(OVERRIDE, act("used")).value.id
    ids["withdrawn"] = overrides.set(replace(OVERRIDE, product_id="q"), act("set")).value.id
    overrides.withdraw(ids["withdrawn"], **WITHDRAWAL, act=act("withdrawn"))
    ids["cancelled"] = jobs.submit(JOB, act("used"), limit=9).value.id
    jobs.cancel(ids["cancelled"], act("cancelled"))
    ids["queued"] = jobs.submit(JOB, act("queued"), limit=9).value.id
    yield Books(tmp_path, *opened, ids)
    for book in opened:
        book.close()


ACTS = {
    "create": lambda b, a, **d: b.scenarios.create(replace(SCENARIO, name="winter"), a, **d),
    "revise": lambda b, a, **d: b.scenarios.revise(b.ids["summer"], SCENARIO, a, expected=1, **d),
    "archive": lambda b, a, **d: b.scenarios.revise(b.ids["summer"], SCENARIO, a, expected=1, archived=True, **d),
    "set": lambda b, a, **d: b.overrides.set(OVERRIDE, a, expected=1, **d),
    "withdraw": lambda b, a, **d: b.overrides.withdraw(b.ids["set"], **WITHDRAWAL, act=a, **d),
    "submit": lambda b, a, **d: b.jobs.submit(JOB, a, limit=2, **d),
    "cancel": lambda b, a, **d: b.jobs.cancel(b.ids["queued"], a, expected=1, **d),
    "resume": lambda b, a, **d: b.jobs.resume(b.ids["cancelled"], a, limit=2, expected=2, **d),
}
REFUSALS = [
    (lambda b, a, **d: b.scenarios.create(SCENARIO, a, **d), ScenarioNameTaken),
    (lambda b, a, **d: b.scenarios.revise("scn_none", SCENARIO, a, expected=1, **d), ScenarioUnknown),
    (lambda b, a, **d: b.scenarios.revise(b.ids["summer"], SCENARIO, a, expected=2, **d), VersionConflict),
    (lambda b, a, **d: b.scenarios.revise(b.ids["old"], SCENARIO, a, expected=2, **d), ScenarioArchived),
    (lambda b, a, **d: b.overrides.set(OVERRIDE, a, expected=0, **d), VersionConflict),
    (lambda b, a, **d: b.overrides.withdraw("ovr_none", **WITHDRAWAL, act=a, **d), OverrideUnknown),
    (lambda b, a, **d: b.overrides.withdraw(b.ids["withdrawn"], **WITHDRAWAL, act=a, **d), OverrideWithdrawn),
    (lambda b, a, **d: b.jobs.submit(JOB, a, limit=1, **d), JobQueueFull),
    (lambda b, a, **d: b.jobs.cancel("job_none", a, **d), JobUnknown),
    (lambda b, a, **d: b.jobs.cancel(b.ids["cancelled"], a, **d), JobOver),
    (lambda b, a, **d: b.jobs.cancel(b.ids["queued"], a, expected=2, **d), VersionConflict),
    (lambda b, a, **d: b.jobs.resume("job_none", a, limit=9, **d), JobUnknown),
    (lambda b, a, **d: b.jobs.resume(b.ids["queued"], a, limit=9, **d), JobNotResumable),
    (lambda b, a, **d: b.jobs.resume(b.ids["cancelled"], a, limit=1, **d), JobQueueFull),
    (lambda b, a, **d: b.jobs.resume(b.ids["cancelled"], a, limit=9, expected=1, **d), VersionConflict),
]


@pytest.mark.parametrize("name", ACTS)
def test_a_dry_run_leaves_nothing_and_its_key_is_free(books, name):
    before = books.content()
    assert ACTS[name](books, act("k"), dry_run=True) is None
    assert books.content() == before
    done = ACTS[name](books, act("k"))
    assert not done.repeated
    assert books.content() != before


@pytest.mark.parametrize(("ask", "error"), REFUSALS)
@pytest.mark.parametrize("dry", [{}, {"dry_run": True}], ids=["done", "dry"])
def test_a_dry_run_is_refused_as_the_act_is(books, ask, error, dry):
    before = books.content()
    with pytest.raises(error):
        ask(books, act("k"), **dry)
    assert books.content() == before


@pytest.mark.parametrize("name", ACTS)
def test_a_key_that_stands_for_another_act_refuses_a_dry_run_too(books, name):
    before = books.content()
    with pytest.raises(IdempotencyKeyReused):
        ACTS[name](books, act("used", "another"), dry_run=True)
    assert books.content() == before


@pytest.mark.parametrize("name", ACTS)
def test_what_would_only_be_answered_again_is_not_refused(books, name):
    ACTS[name](books, act("k"))
    before = books.content()
    assert ACTS[name](books, act("k"), dry_run=True) is None
    assert books.content() == before
