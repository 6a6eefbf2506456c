"""Plans in a real home: the command line, and the worker of a server that is killed in the middle of a job."""

import json
import os
import signal
import time
from datetime import timedelta

import pytest
from typer.testing import CliRunner

from api.planning.job_kinds import ComparisonSheet
from api.planning.jobs import start_job
from api.planning.worker_keeper import WorkerKeeper
from api.settings import Settings
from api.wiring import Installation
from cli.main import app
from governance.records import JobStatus
from kit.progress import SilentProgress
from tests.tiny_retailer import AS_OF, CATALOGUE, build_tiny_lake

pytestmark = pytest.mark.training

PRODUCTS = tuple(row[0] for row in CATALOGUE)
FIRST_WEEK = AS_OF + timedelta(days=1)
LATER = "2099-01-01"


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    settings = Settings(home=tmp_path_factory.mktemp("plans"), threads=1, port=0)
    installation = Installation.open(settings)
    build_tiny_lake(installation.layout.lake)
    installation.build(SilentProgress())
    installation.train(SilentProgress())
    return settings


@pytest.fixture
def installation(home):
    return Installation.open(home)


@pytest.fixture
def run(home, monkeypatch):
    monkeypatch.setattr(Installation, "open", classmethod(lambda cls, settings=None: cls(home, _layout(home))))
    runner = CliRunner()

    def invoke(*arguments, code=0):
        shown = runner.invoke(app, list(arguments))
        assert shown.exit_code == code, shown.output + str(shown.exception)
        return shown

    return invoke


def _layout(settings):
    from pipeline.layout import HomeLayout

    return HomeLayout(settings.home.resolve())


def told(shown):
    return json.loads(shown.stdout)


def day(week, offset=0):
    return (FIRST_WEEK + timedelta(days=7 * week + offset)).isoformat()


def wait_until(true, seconds=120.0):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.02)


def test_a_scenario_from_its_making_to_its_end(run, tmp_path):
    delisted = f"cola_a,{day(1)}"
    tried = told(run("scenario", "create", "no cola", "--delist", delisted, "--dry-run", "--json"))
    assert (tried["id"], tried["dry_run"], len(tried["changes"])) == (None, True, 1)
    made = told(run("scenario", "create", "no cola", "--delist", delisted, "--key", "k", "--json"))
    again = told(run("scenario", "create", "no cola", "--delist", delisted, "--key", "k", "--json"))
    assert again == made
    assert made["changes"][0] | {"kind": "delist", "product_id": "cola_a", "from_week": day(1)} == made["changes"][0]
    taken = run("scenario", "create", "no cola", "--delist", delisted, code=1)
    assert "Another scenario is called 'no cola'" in taken.stderr
    file = tmp_path / "changes.json"
    file.write_text(
        json.dumps([{"kind": "plan_price", "product_id": "cola_b", "from_week": day(0), "until_week": day(2), "price": 3}])
    )
    revised = told(run("scenario", "revise", made["id"], "--file", str(file), "--json"))
    assert (revised["revision"], revised["changes"][0]["price"]) == (2, 3.0)
    assert told(run("scenario", "show", made["id"], "--revision", "1", "--json"))["changes"] == made["changes"]
    assert [one["id"] for one in told(run("scenario", "list", "--json"))] == [made["id"]]
    assert "no cola" in run("scenario", "list").stdout
    compared = told(run("scenario", "compare", "milk", "--json"))
    assert [column["name"] for column in compared["columns"]] == ["base"]
    assert "Product milk" in run("scenario", "compare", "milk").stdout
    late = run("scenario", "archive", made["id"], "--expected", "1", code=1)
    assert "is at version 2, not 1" in late.stderr
    assert told(run("scenario", "archive", made["id"], "--json"))["archived"]
    assert told(run("scenario", "list", "--json")) == []
    assert [one["archived"] for one in told(run("scenario", "list", "--archived", "--json"))] == [True]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--delist", "cola_a"], "2 to 3 words"),
        (["--delist", "cola_a,monday"], "a day such as"),
        (["--price", "cola_a,2024-10-07,2024-10-14,dear"], "a number"),
        (["--promote", "cola_a,2024-10-07,2024-10-14,radio=1"], "display=SHARE"),
        (["--ignore", "cola_a"], "2 to 2 words"),
        (["--switch-off", "none"], "There is no promotion 'none'"),
        (["--delist", f"cola_a,{FIRST_WEEK}", "--stores", ","], "empty set of stores"),
        (["--delist", f"nobody,{FIRST_WEEK}"], "There is no product 'nobody'"),
        (["--delist", f"cola_a,{FIRST_WEEK}", "--price", f"cola_a,{FIRST_WEEK},{day(1)},2"], "say different things"),
        (["--file", "/nowhere.json"], "a readable file of JSON"),
        ([], "The number of changes"),
    ],
)
def test_words_that_cannot_be_meant_are_refused_with_what_to_do(run, arguments, words):
    shown = run("scenario", "create", "x", *arguments, code=1)
    assert words in shown.stderr.replace("\n", " ")
    assert "What to do:" in shown.stderr


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "a readable file of JSON"),
        ("{}", "a list of changes"),
        ("[1]", "a list of changes"),
        ('[{"kind": "dance"}]', "'dance' is not a valid ChangeKind"),
        ("[{}]", "missing 1 required positional argument: 'kind'"),
        ('[{"kind": "delist", "colour": 1}]', "free of unknown fields such as 'colour'"),
        ('[{"kind": "delist", "from_week": "x"}]', "from_week: Invalid isoformat string"),
        ('[{"kind": "delist", "product_id": 995242}]', "product_id: int is no str"),
        ('[{"kind": "delist", "store_ids": "12"}]', "store_ids: "),
    ],
)
def test_a_file_that_holds_no_changes_is_refused(run, tmp_path, content, words):
    file = tmp_path / "changes.json"
    file.write_text(content)
    assert words in " ".join(run("scenario", "create", "x", "--file", str(file), code=1).stderr.split())


def test_a_forecast_set_by_hand_is_kept_measured_and_taken_back(run, installation):
    week = f"{day(0)}=12"
    tried = told(run("override", "set", "milk", "--week", week, "--reason", "fair", "--expires", LATER, "--dry-run", "--json"))
    assert (tried["override"], tried["dry_run"], tried["weeks"][0]["units"]) == (None, True, 12.0)
    made = told(
        run("override", "set", "milk", "--week", week, "--reason", "fair", "--expires", LATER, "--author", "ann", "--json")
    )
    override = made["override"]
    assert (override["draft"]["author"], override["draft"]["decision_id"]) == ("ann", None)
    assert override["draft"]["weeks"][0]["system_units"] > 0
    assert told(run("override", "list", "--json"))[0]["in_force"]
    assert "in force" in run("override", "list").stdout
    report = told(run("override", "value-added", "--json"))
    assert (report["total"], report["waiting"], report["known_until"]) == (None, 1, AS_OF.isoformat())
    assert "1 wait for their sales" in run("override", "value-added").stderr
    run("override", "withdraw", override["id"], "--reason", "a slip")
    assert not told(run("override", "list", "--json"))[0]["in_force"]
    assert "was withdrawn before" in run("override", "withdraw", override["id"], "--reason", "x", code=1).stderr
    for words, problem in (("soon", "a day such as"), (f"{day(0)}=many", "MONDAY=UNITS")):
        refused = run("override", "set", "milk", "--week", words, "--reason", "r", "--expires", LATER, code=1)
        assert problem in refused.stderr
    none = run("override", "set", "nobody", "--week", week, "--reason", "r", "--expires", LATER, code=1)
    assert "There is no product" in none.stderr


def test_a_job_from_its_start_to_its_result(run, monkeypatch):
    started = told(run("job", "start", "--product", "milk", "--product", "pasta", "--key", "j", "--json"))
    assert (started["status"], started["steps_total"]) == ("queued", 1)
    assert told(run("job", "start", "--product", "milk", "--product", "pasta", "--key", "j", "--json"))["id"] == started["id"]
    assert told(run("job", "list", "--json"))[0]["id"] == started["id"]
    cancelled = told(run("job", "cancel", started["id"], "--json"))
    assert cancelled["status"] == "cancelled"
    assert told(run("job", "work", "--json")) == []
    run("job", "watch", started["id"], code=1)
    assert told(run("job", "resume", started["id"], "--json"))["status"] == "queued"
    worked = told(run("job", "work", "--json"))
    assert [(one["id"], one["status"]) for one in worked] == [(started["id"], "succeeded")]
    run("job", "watch", started["id"])
    shown = told(run("job", "show", started["id"], "--json"))
    assert [row["product_id"] for row in shown["result"]["rows"]] == ["milk", "pasta"]
    assert [event["status"] for event in shown["events"]][-1] == "succeeded"
    assert "2 products" in run("job", "show", started["id"]).stdout
    with monkeypatch.context() as counting:
        opened, before = [], Installation.services_of
        counting.setattr(Installation, "services_of", lambda self, *one: (opened.append(one), before(self, *one))[1])
        here = told(run("job", "start", "--category", "DAIRY", "--work", "--json"))
    assert (here["status"], len(opened)) == ("succeeded", 1)
    assert "There is no job 'none'" in run("job", "show", "none", code=1).stderr


def test_the_worker_of_a_server_is_killed_and_the_job_ends_with_the_same_bytes(installation):
    planner = installation.planner()
    book = installation.planning_books.jobs
    sheet = ComparisonSheet(PRODUCTS * 400, ())
    keeper = WorkerKeeper(book, installation.layout.home)
    keeper.start()
    try:
        first = start_job(planner, "scenario_comparison", 1, lambda: sheet, key="killed").recorded.value
        keeper.wake()
        for number in range(2):
            wait_until(lambda n=number: book.get(first.id).steps_done > 20 * n and keeper.process_id is not None)
            os.kill(keeper.process_id, signal.SIGKILL)
            wait_until(lambda n=number: len([e for e in book.events(first.id) if e.note.startswith("taken")]) > n + 1)
        wait_until(lambda: book.get(first.id).status is JobStatus.SUCCEEDED)
        second = start_job(planner, "scenario_comparison", 1, lambda: sheet, key="left alone").recorded.value
        keeper.wake()
        wait_until(lambda: book.get(second.id).status is JobStatus.SUCCEEDED)
    finally:
        keeper.close()
    assert keeper.process_id is None
    assert len([event for event in book.events(first.id) if event.note.startswith("taken")]) == 3
    assert len([event for event in book.events(second.id) if event.note.startswith("taken")]) == 1
    assert book.result(first.id) == book.result(second.id)
    assert book.step_results(first.id) == book.step_results(second.id)
    assert book.get(first.id).result_digest == book.get(second.id).result_digest


def test_a_server_that_stops_leaves_its_job_to_the_next(installation):
    planner = installation.planner()
    book = installation.planning_books.jobs
    keeper = WorkerKeeper(book, installation.layout.home)
    sheet = ComparisonSheet(PRODUCTS * 400, ())
    job = start_job(planner, "scenario_comparison", 1, lambda: sheet, key="stopped").recorded.value
    keeper.start()
    wait_until(lambda: book.get(job.id).steps_done > 2)
    keeper.close()
    left = book.get(job.id)
    assert left.status is JobStatus.QUEUED
    assert 2 < left.steps_done < left.draft.steps_total
    assert book.events(job.id)[-1].note == "its worker had to stop"
    book_again = Installation.open(installation.settings).planning_books.jobs
    other = WorkerKeeper(book_again, installation.layout.home)
    other.start()
    try:
        wait_until(lambda: book.get(job.id).status is JobStatus.SUCCEEDED)
    finally:
        other.close()
