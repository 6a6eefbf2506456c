"""Jobs over GraphQL: queued on a release, followed, cancelled, resumed, refused with a type, seen by their own alone."""

import json
import threading
from dataclasses import replace

import pytest

from api.planning import job_kinds
from api.planning.job_kinds import JOB_KINDS, PRODUCTS_PER_STEP, open_work
from decisions.overlay import NO_OVERLAY
from decisions.scenarios import EvaluationUnavailable
from governance.policy import Principal, Role
from governance.records import JobStatus
from governance.records.sqlite_book import SqliteBook
from kg.errors import SnapshotError
from kit.progress import SilentProgress
from pipeline.job_runner import run_next_job
from tests.api import small_shop
from tests.api.planning_shop import KnownDelistings, SupposingForecaster, planning, week
from tests.api.test_scenario_questions import create, delist, price
from tests.moved_clock import MovedClock

START = """mutation($input: JobInput!, $key: String!, $dry: Boolean = false) {
  jobStart(input: $input, idempotencyKey: $key, dryRun: $dry) {
    job { id kind status version principal releaseId stepsDone stepsTotal cancelRequested } stepsTotal dryRun repeated
    userErrors { __typename message ... on JobQueueFull { limit } } } }"""
JOB = """query($id: ID!) { job(id: $id) { __typename ... on Job { status stepsDone stepsTotal resultDigest problem
  events { status note } } } }"""
RESULT = """query($id: ID!, $first: Int = 100, $after: String) { jobResult(id: $id, first: $first, after: $after) {
  __typename ... on JobResult { summary rows job { resultDigest } pageInfo { hasNextPage hasPreviousPage endCursor } } } }"""
CANCEL = """mutation($id: ID!, $key: String!, $version: Int, $dry: Boolean = false) {
  jobCancel(id: $id, idempotencyKey: $key, expectedVersion: $version, dryRun: $dry) {
  job { status cancelRequested version } userErrors { __typename } } }"""
RESUME = """mutation($id: ID!, $key: String!, $dry: Boolean = false) {
  jobResume(id: $id, idempotencyKey: $key, dryRun: $dry) {
  job { status } userErrors { __typename } } }"""
ALL = [small_shop.name(n) for n in range(small_shop.PRODUCTS)]


@pytest.fixture
def clock():
    return MovedClock()


@pytest.fixture
def parts(tmp_path, clock):
    return planning(tmp_path, clock, queue_limit=3)


@pytest.fixture
def shop(open_shop, parts, clock):
    replaced = {"forecaster": SupposingForecaster(), "delistings": KnownDelistings(), "clock": clock}
    return open_shop(planning=parts, replaced=replaced)


def start(shop, key="k", dry=False, **given):
    given = given or {"scenarioComparison": {"productIds": ALL}}
    return shop.ask(START, input=given, key=key, dry=dry)["data"]["jobStart"]


def work(shop, parts, **changed):
    services = replace(shop.services, **changed)
    return run_next_job(parts.books.jobs, "w", lambda draft: open_work(draft, services), progress=SilentProgress())


def test_a_comparison_over_many_products_runs_in_steps_and_says_what_it_found(shop, parts):
    gone = create(shop, "gone", [delist("P008", 0)])["scenario"]["id"]
    made = start(shop, scenarioComparison={"productIds": ALL, "scenarios": [{"id": gone}]})
    steps = -(-len(ALL) // PRODUCTS_PER_STEP)
    assert made["userErrors"] == []
    assert made["job"] == {
        "id": made["job"]["id"], "kind": "scenario_comparison", "status": "queued", "version": 1, "principal": "development",
        "releaseId": "rel_1", "stepsDone": 0, "stepsTotal": steps, "cancelRequested": False,
    }  # fmt: skip
    job_id = made["job"]["id"]
    assert shop.ask(RESULT, id=job_id)["data"]["jobResult"] == {"__typename": "JobUnfinished"}
    assert work(shop, parts).status is JobStatus.SUCCEEDED
    told = shop.ask(JOB, id=job_id)["data"]["job"]
    assert (told["status"], told["stepsDone"], told["stepsTotal"]) == ("succeeded", steps, steps)
    assert [event["status"] for event in told["events"]] == ["queued", "running", "succeeded"]
    found = shop.ask(RESULT, id=job_id)["data"]["jobResult"]
    content = found["summary"]
    assert found["job"]["resultDigest"] == told["resultDigest"]
    # 59 products have a history: 40 units each, P008 none of them under the scenario, each other one 2 more a week
    assert content["totals"] == [
        {"name": "base", "units": 59 * 40.0, "difference": 0.0},
        {"name": "gone", "units": 58 * 48.0, "difference": 58 * 8.0 - 40.0},
    ]  # fmt: skip
    assert (content["products"], content["refused"]) == (60, 1)
    assert [row["product_id"] for row in found["rows"]] == ALL
    assert found["rows"][59]["refused"]["outcome"] == "NoHistory"
    pages, after = [], None
    while True:
        page = shop.ask(RESULT, id=job_id, first=25, after=after)["data"]["jobResult"]
        pages.append(len(page["rows"]))
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    assert pages == [25, 25, 10]


def test_a_job_answers_what_single_questions_answer(shop, parts):
    gone = create(shop, "gone", [delist("P008", 0)])["scenario"]["id"]
    job_id = start(shop, scenarioComparison={"productIds": ["P007"], "scenarios": [{"id": gone}]})["job"]["id"]
    work(shop, parts)
    row = shop.ask(RESULT, id=job_id)["data"]["jobResult"]["rows"][0]
    single = shop.ask(
        """query($id: ID!) { scenarioComparison(productId: "P007", scenarios: [{id: $id}]) {
        ... on ScenarioComparison { columns { name units difference } } } }""",
        id=gone,
    )["data"]["scenarioComparison"]
    assert [{name: one[name] for name in ("name", "units", "difference")} for one in row["columns"]] == single["columns"]


def test_scenarios_are_held_against_the_release_once_and_not_for_every_product(shop, parts, monkeypatch):
    gone = create(shop, "gone", [delist("P008", 0)])["scenario"]["id"]
    start(shop, scenarioComparison={"productIds": ALL, "scenarios": [{"id": gone}]})
    checked, before = [], job_kinds.suppositions
    monkeypatch.setattr(job_kinds, "suppositions", lambda *one: (checked.append(one), before(*one))[1])
    assert work(shop, parts).status is JobStatus.SUCCEEDED
    assert len(checked) == 1


def test_a_page_of_a_result_is_read_where_it_holds_up_no_answer(shop, parts, monkeypatch):
    job_id = start(shop)["job"]["id"]
    work(shop, parts)
    asked, answered, before = threading.Event(), threading.Event(), parts.books.jobs.result

    def slow(one):
        asked.set()
        assert answered.wait(30)
        return before(one)

    monkeypatch.setattr(parts.books.jobs, "result", slow)
    told = []
    asking = threading.Thread(target=lambda: told.append(shop.ask(RESULT, id=job_id, first=1)))
    asking.start()
    assert asked.wait(30)
    assert shop.ask("{ health { status } }")["data"]["health"]["status"] == "ok"
    answered.set()
    asking.join(30)
    assert len(told[0]["data"]["jobResult"]["rows"]) == 1


@pytest.mark.parametrize("jobs", [1, 3])
def test_the_events_of_a_page_of_jobs_are_one_read(shop, monkeypatch, jobs):
    ids = [start(shop, f"k{number}")["job"]["id"] for number in range(jobs)]
    shop.ask(CANCEL, id=ids[0], key="c")
    reads, before = [], SqliteBook._all
    monkeypatch.setattr(SqliteBook, "_all", lambda self, query, *one: (reads.append(query), before(self, query, *one))[1])
    listed = shop.ask("{ jobs(first: 5) { edges { node { id events { status } } } } }")["data"]["jobs"]["edges"]
    assert len(reads) == 2
    told = {edge["node"]["id"]: [event["status"] for event in edge["node"]["events"]] for edge in listed}
    assert told == {one: ["queued", "cancelled"] if one == ids[0] else ["queued"] for one in ids}


def test_the_parameters_are_pinned_when_it_is_queued(shop, parts):
    made = create(shop, "gone", [delist("P007", 0)])["scenario"]["id"]
    job_id = start(shop, scenarioComparison={"productIds": ["P007"], "scenarios": [{"id": made}]})["job"]["id"]
    revise = """mutation($id: ID!, $changes: [ScenarioChangeInput!]) { scenarioRevise(id: $id, expectedVersion: 1,
      idempotencyKey: "r", changes: $changes) { scenario { revision } } }"""
    shop.ask(revise, id=made, changes=[price(3.0)])
    work(shop, parts)
    columns = shop.ask(RESULT, id=job_id)["data"]["jobResult"]["rows"][0]["columns"]
    assert (columns[1]["revision"], columns[1]["units"]) == (1, 0.0)


def test_what_cannot_be_supposed_of_one_product_is_a_row_and_a_fault_ends_the_job(shop, parts):
    class Choosy(SupposingForecaster):
        def forecast(self, request, *, overlay=NO_OVERLAY):
            if request.product_id == "P001":
                raise EvaluationUnavailable("a price of this product")
            if request.product_id == "P002":
                raise SnapshotError("a file is gone", "")
            return super().forecast(request, overlay=overlay)

    job_id = start(shop, "a", scenarioComparison={"productIds": ["P000", "P001"]})["job"]["id"]
    assert work(shop, parts, forecaster=Choosy()).status is JobStatus.SUCCEEDED
    rows = shop.ask(RESULT, id=job_id)["data"]["jobResult"]["rows"]
    assert [row["refused"] and row["refused"]["outcome"] for row in rows] == [None, "EvaluationUnavailable"]
    start(shop, "b", scenarioComparison={"productIds": ["P000", "P002"]})
    failed = work(shop, parts, forecaster=Choosy())
    assert (failed.status, failed.problem) == (JobStatus.FAILED, SnapshotError("a file is gone", "").problem)


def test_the_same_act_is_the_same_job_also_when_its_scenario_has_moved_on(shop, parts):
    made = create(shop, "gone", [delist("P007", 0)])["scenario"]["id"]
    given = {"productIds": ["P007"], "scenarios": [{"id": made}]}
    first = start(shop, scenarioComparison=given)
    revise = """mutation($id: ID!) { scenarioRevise(id: $id, expectedVersion: 1, idempotencyKey: "r", name: "x") { repeated } }"""
    shop.ask(revise, id=made)
    again = start(shop, scenarioComparison=given)
    assert (again["repeated"], again["job"]["id"]) == (True, first["job"]["id"])


def test_the_same_question_gives_the_same_bytes(shop, parts):
    digests = set()
    for key in ("a", "b"):
        job_id = start(shop, key)["job"]["id"]
        work(shop, parts)
        digests.add(parts.books.jobs.get(job_id).result_digest)
    assert len(digests) == 1


def test_a_category_stands_for_its_merchandise(shop, parts):
    made = start(shop, scenarioComparison={"categoryId": "GROCERY > DAIRY > WHOLE MILK"})
    parameters = json.loads(parts.books.jobs.get(made["job"]["id"]).draft.parameters)
    assert parameters["products"] == [name for n, name in enumerate(ALL) if n % 3 == 0]


def test_delistings_of_many_products_are_asked_one_by_one(shop, parts):
    made = start(shop, delistWhatIf={"productIds": ["P001", "P002", small_shop.NO_HISTORY], "fromWeek": week(0).isoformat()})
    assert made["userErrors"] == []
    work(shop, parts)
    content = shop.ask(RESULT, id=made["job"]["id"])["data"]["jobResult"]["summary"]
    assert content["totals"] == {"lost_units": 20.0, "kept_units": 18.0}
    assert (content["products"], content["refused"]) == (3, 1)


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({}, "InvalidRequest"),
        ({"scenarioComparison": {"productIds": ["P001"]}, "delistWhatIf": {"productIds": ["P001"], "fromWeek": "2018-01-01"}},
         "InvalidRequest"),
        ({"scenarioComparison": {}}, "InvalidRequest"),
        ({"scenarioComparison": {"productIds": []}}, "InvalidRequest"),
        ({"scenarioComparison": {"productIds": ["P001"], "categoryId": "GROCERY"}}, "InvalidRequest"),
        ({"scenarioComparison": {"categoryId": "NONE"}}, "InvalidRequest"),
        ({"scenarioComparison": {"productIds": ["P999"]}}, "UnknownProduct"),
        ({"scenarioComparison": {"productIds": ["P001"], "storeId": "st9"}}, "UnknownStore"),
        ({"scenarioComparison": {"productIds": ["P001"], "horizonWeeks": 9}}, "InvalidRequest"),
        ({"scenarioComparison": {"productIds": ["P001"], "scenarios": [{"id": "none"}]}}, "UnknownScenario"),
        ({"delistWhatIf": {"productIds": ["P001"], "fromWeek": "2018-01-01", "storeIds": ["st9"]}}, "UnknownStore"),
        ({"delistWhatIf": {"productIds": ["P001"], "fromWeek": "2019-01-07"}}, "WeeksOutsideHorizon"),
        ({"delistWhatIf": {"productIds": ["P001"], "fromWeek": "2018-01-01", "storeIds": []}}, "EmptyStoreSet"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_refused_at_the_door(shop, parts, given, problem):
    answer = shop.ask(START, input=given, key="k")["data"]["jobStart"]
    assert [one["__typename"] for one in answer["userErrors"]] == [problem]
    assert answer["job"] is None
    assert parts.books.jobs.open_jobs() == 0


def test_contradictions_and_some_stores_are_found_before_a_job_is_queued(shop, parts):
    ids = [{"id": create(shop, str(n), [one])["scenario"]["id"]} for n, one in enumerate([delist("P007", 0), price(3.0)])]
    both = start(shop, scenarioComparison={"productIds": ["P001"], "scenarios": ids, "combined": True})
    assert both["userErrors"][0]["__typename"] == "OverlappingChanges"
    some = create(shop, "some", [delist(stores=["st1"])])["scenario"]["id"]
    partly = start(shop, scenarioComparison={"productIds": ["P001"], "scenarios": [{"id": some}]})
    assert partly["userErrors"][0]["__typename"] == "StoreByStoreOnly"
    assert parts.books.jobs.open_jobs() == 0


def test_what_the_release_cannot_evaluate_is_refused_not_made_up(open_shop, parts):
    shop = open_shop(planning=parts)
    refused = start(shop, delistWhatIf={"productIds": ["P001"], "fromWeek": "2018-01-01"})
    assert refused["userErrors"][0]["__typename"] == "EvaluationUnavailable"
    assert parts.books.jobs.open_jobs() == 0


def test_the_queue_is_bounded_with_a_typed_refusal(shop, parts):
    for number in range(3):
        assert start(shop, f"k{number}")["userErrors"] == []
    refused = start(shop, "k3")
    assert [(one["__typename"], one["limit"]) for one in refused["userErrors"]] == [("JobQueueFull", 3)]
    work(shop, parts)
    assert start(shop, "k3")["userErrors"] == []


def test_a_dry_run_counts_the_steps_and_queues_nothing(shop, parts):
    tried = start(shop, dry=True)
    assert (tried["dryRun"], tried["job"], tried["stepsTotal"]) == (True, None, 3)
    assert parts.books.jobs.open_jobs() == 0


def test_a_dry_run_is_refused_as_the_act_would_be_and_changes_nothing(shop, parts):
    first = start(shop, "k0")["job"]["id"]
    for key in ("k1", "k2"):
        start(shop, key)
    assert start(shop, "k3", dry=True)["userErrors"][0]["__typename"] == "JobQueueFull"
    acts = {"jobCancel": CANCEL, "jobResume": RESUME}

    def tried(what, **asked):
        answer = shop.ask(acts[what], id=first, key="d", dry=True, **asked)["data"][what]
        assert answer["job"] is None
        return [one["__typename"] for one in answer["userErrors"]]

    assert tried("jobCancel", version=9) == ["VersionConflict"]
    assert tried("jobCancel") == []
    assert tried("jobResume") == ["JobNotResumable"]
    assert parts.books.jobs.get(first).version == 1
    shop.ask(CANCEL, id=first, key="d")
    assert tried("jobCancel", version=2) == ["IdempotencyKeyReused"]
    start(shop, "k4")
    assert tried("jobResume") == ["JobQueueFull"]
    assert (parts.books.jobs.get(first).version, parts.books.jobs.open_jobs()) == (2, 3)


def test_a_job_is_cancelled_and_resumed(shop, parts):
    job = start(shop)["job"]
    late = shop.ask(CANCEL, id=job["id"], key="c0", version=9)["data"]["jobCancel"]
    assert late["userErrors"] == [{"__typename": "VersionConflict"}]
    cancelled = shop.ask(CANCEL, id=job["id"], key="c", version=1)["data"]["jobCancel"]["job"]
    assert cancelled == {"status": "cancelled", "cancelRequested": False, "version": 2}
    assert shop.ask(CANCEL, id=job["id"], key="c2")["data"]["jobCancel"]["userErrors"] == [{"__typename": "JobOver"}]
    assert work(shop, parts) is None
    assert shop.ask(RESUME, id=job["id"], key="r")["data"]["jobResume"]["job"] == {"status": "queued"}
    assert shop.ask(RESUME, id=job["id"], key="r2")["data"]["jobResume"]["userErrors"] == [{"__typename": "JobNotResumable"}]
    assert work(shop, parts).status is JobStatus.SUCCEEDED


def test_what_is_somebody_elses_is_not_there(open_shop, parts):
    def as_one(name, role):
        return open_shop(
            planning=parts,
            principal_of=lambda _: Principal(name, frozenset({role})),
            replaced={"forecaster": SupposingForecaster()},
        )

    ann, bob, steward = as_one("ann", Role.PLANNER), as_one("bob", Role.PLANNER), as_one("sue", Role.DATA_STEWARD)
    job_id = start(ann)["job"]["id"]
    assert ann.ask(JOB, id=job_id)["data"]["job"]["status"] == "queued"
    assert bob.ask(JOB, id=job_id)["data"]["job"] == {"__typename": "UnknownJob"}
    assert bob.ask(RESULT, id=job_id)["data"]["jobResult"] == {"__typename": "UnknownJob"}
    assert bob.ask(CANCEL, id=job_id, key="c")["data"]["jobCancel"]["userErrors"] == [{"__typename": "UnknownJob"}]
    assert steward.ask(JOB, id=job_id)["data"]["job"]["status"] == "queued"
    listed = "{ jobs(first: 5) { edges { node { id principal } } } }"
    assert bob.ask(listed)["data"]["jobs"]["edges"] == []
    for one in (ann, steward):
        assert one.ask(listed)["data"]["jobs"]["edges"] == [{"node": {"id": job_id, "principal": "ann"}}]


@pytest.mark.requirement("R-SEC-03")
@pytest.mark.parametrize("role", list(Role))
def test_roles_are_asked_for_before_a_job(open_shop, parts, role):
    shop = open_shop(planning=parts, principal_of=lambda _: Principal("eve", frozenset({role})))
    allowed = role in (Role.PLANNER, Role.MERCHANDISER, Role.DATA_STEWARD, Role.OWNER)
    assert [one["__typename"] for one in start(shop)["userErrors"]] == ([] if allowed else ["NotAuthorised"])
    assert parts.books.jobs.open_jobs() == int(allowed)


@pytest.mark.requirement("R-API-14")
def test_one_key_asked_by_many_at_once_queues_one_job(open_shop, parts, clock):
    woken = []
    parts = replace(parts, wake=lambda: woken.append(1))
    shops = [open_shop(planning=parts, replaced={"clock": clock}) for _ in range(4)]
    answers = []
    threads = [threading.Thread(target=lambda one=one: answers.append(start(one))) for one in shops * 5]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 20
    assert len({one["job"]["id"] for one in answers}) == 1
    assert sum(not one["repeated"] for one in answers) == 1
    assert woken
    assert parts.books.jobs.open_jobs() == 1
    other = start(shops[0], scenarioComparison={"productIds": ["P001"]})
    assert other["userErrors"][0]["__typename"] == "IdempotencyKeyReused"


def test_every_kind_of_job_can_be_opened_from_what_was_queued(shop, parts):
    start(shop, "a")
    start(shop, "b", delistWhatIf={"productIds": ["P001"], "fromWeek": week(0).isoformat(), "storeIds": ["st1"]})
    kinds = {job.draft.kind for job in parts.books.jobs.latest(principal=None, limit=9)}
    assert kinds == set(JOB_KINDS)
    for _ in kinds:
        assert work(shop, parts).status is JobStatus.SUCCEEDED
