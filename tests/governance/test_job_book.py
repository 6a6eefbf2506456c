"""The book of jobs: lawful moves only, one worker at a time, nothing done twice and nothing lost."""

import sqlite3
import threading

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from governance.records import Act, JobDraft, JobStatus, SqliteJobBook
from governance.records.errors import (
    IdempotencyKeyReused,
    JobNotResumable,
    JobOver,
    JobQueueFull,
    JobResultDamaged,
    JobUnfinished,
    JobUnknown,
    LeaseLost,
    VersionConflict,
)
from governance.records.sqlite_job_book import ATTEMPTS
from tests.moved_clock import MovedClock

LEASE = 30.0


def act(key: str, principal: str = "ann", fingerprint: str = "f") -> Act:
    return Act(principal, key, fingerprint)


def draft(principal: str = "ann", steps: int = 3, kind: str = "scenario_comparison") -> JobDraft:
    return JobDraft(kind, b'{"x":1}', "rel_1", principal, steps)


@pytest.fixture
def clock() -> MovedClock:
    return MovedClock()


@pytest.fixture
def book(tmp_path, clock):
    opened = SqliteJobBook(tmp_path / "jobs.sqlite", clock=clock)
    yield opened
    opened.close()


def test_a_job_goes_its_way_and_every_move_is_noted(book):
    job = book.submit(draft(), act("k"), limit=5).value
    assert (job.status, job.version, job.steps_done, job.draft) == (JobStatus.QUEUED, 1, 0, draft())
    lease = book.claim("w1", lease_seconds=LEASE)
    assert lease is not None
    assert lease.job.id == job.id
    for step in range(3):
        book.keep_step(lease, step, b"result %d" % step)
    assert book.get(job.id).steps_done == 3
    assert book.step_results(job.id) == (b"result 0", b"result 1", b"result 2")
    done = book.succeed(lease, b"whole")
    assert (done.status, book.result(job.id)) == (JobStatus.SUCCEEDED, b"whole")
    assert [(event.status.value, event.note) for event in book.events(job.id)] == [
        ("queued", ""), ("running", "taken by w1"), ("succeeded", ""),
    ]  # fmt: skip
    assert book.claim("w1", lease_seconds=LEASE) is None


def test_a_job_of_a_dead_worker_is_taken_up_again_and_the_dead_one_writes_nothing(book, clock):
    job = book.submit(draft(), act("k"), limit=5).value
    first = book.claim("w1", lease_seconds=LEASE)
    book.keep_step(first, 0, b"one")
    assert book.claim("w2", lease_seconds=LEASE) is None
    clock.pass_seconds(LEASE - 1)
    book.heartbeat(first, lease_seconds=LEASE)
    clock.pass_seconds(LEASE - 1)
    assert book.claim("w2", lease_seconds=LEASE) is None
    clock.pass_seconds(1)
    second = book.claim("w2", lease_seconds=LEASE)
    assert second.job.steps_done == 1
    for late in (
        lambda: book.keep_step(first, 1, b"late"),
        lambda: book.succeed(first, b"late"),
        lambda: book.heartbeat(first, lease_seconds=LEASE),
        lambda: book.fail(first, "late", ""),
        lambda: book.hand_back(first),
    ):
        with pytest.raises(LeaseLost):
            late()
    assert book.get(job.id).steps_done == 1
    assert book.step_results(job.id) == (b"one",)


def test_the_lease_of_a_worker_known_to_be_dead_can_be_ended_at_once(book):
    book.submit(draft(), act("k"), limit=5)
    book.claim("w_1", lease_seconds=LEASE)
    assert book.lapse("wx1") == 0
    assert book.claim("w2", lease_seconds=LEASE) is None
    assert book.lapse("w_1") == 1
    assert book.claim("w2", lease_seconds=LEASE) is not None


def test_a_job_that_kills_its_workers_fails(book, clock):
    job = book.submit(draft(), act("k"), limit=5).value
    for _ in range(ATTEMPTS):
        assert book.claim("w", lease_seconds=LEASE) is not None
        clock.pass_seconds(LEASE)
    assert book.claim("w", lease_seconds=LEASE) is None
    failed = book.get(job.id)
    assert failed.status is JobStatus.FAILED
    assert "died" in str(failed.problem)


def test_progress_wins_new_attempts(book, clock):
    job = book.submit(draft(steps=9), act("k"), limit=5).value
    for step in range(ATTEMPTS + 2):
        lease = book.claim("w", lease_seconds=LEASE)
        book.keep_step(lease, step, b"%d" % step)
        clock.pass_seconds(LEASE)
    assert book.get(job.id).status is JobStatus.RUNNING


def test_a_queued_job_is_cancelled_at_once_a_running_one_by_its_worker(book):
    queued = book.submit(draft(), act("k1"), limit=5).value
    assert book.cancel(queued.id, act("c1")).value.status is JobStatus.CANCELLED
    running = book.submit(draft(), act("k2"), limit=5).value
    lease = book.claim("w", lease_seconds=LEASE)
    asked = book.cancel(running.id, act("c2")).value
    assert (asked.status, asked.cancel_requested) == (JobStatus.RUNNING, True)
    assert book.heartbeat(lease, lease_seconds=LEASE).cancel_requested
    assert book.confirm_cancel(lease).status is JobStatus.CANCELLED
    with pytest.raises(JobOver):
        book.cancel(running.id, act("c3"))


def test_a_cancelled_job_of_a_dead_worker_is_not_taken_up(book, clock):
    job = book.submit(draft(), act("k"), limit=5).value
    book.claim("w", lease_seconds=LEASE)
    book.cancel(job.id, act("c"))
    clock.pass_seconds(LEASE)
    assert book.claim("w2", lease_seconds=LEASE) is None
    assert book.get(job.id).status is JobStatus.CANCELLED


def test_a_resumed_job_goes_on_behind_its_last_step(book):
    job = book.submit(draft(), act("k"), limit=5).value
    lease = book.claim("w", lease_seconds=LEASE)
    book.keep_step(lease, 0, b"one")
    with pytest.raises(JobNotResumable):
        book.resume(job.id, act("r0"), limit=5)
    book.fail(lease, "the disk is full", "free it")
    assert book.get(job.id).problem == "the disk is full"
    resumed = book.resume(job.id, act("r1"), limit=5).value
    assert (resumed.status, resumed.problem, resumed.steps_done) == (JobStatus.QUEUED, None, 1)
    assert book.claim("w", lease_seconds=LEASE).job.steps_done == 1


def test_the_queue_is_bounded_and_a_refusal_changes_nothing(book):
    for number in range(2):
        book.submit(draft(), act(f"k{number}"), limit=2)
    with pytest.raises(JobQueueFull) as refused:
        book.submit(draft(), act("k2"), limit=2)
    assert refused.value.limit == 2
    assert book.open_jobs() == 2
    lease = book.claim("w", lease_seconds=LEASE)
    with pytest.raises(JobQueueFull):
        book.submit(draft(), act("k2"), limit=2)
    book.succeed(lease, b"")
    assert not book.submit(draft(), act("k2"), limit=2).repeated


def test_versions_guard_against_what_somebody_else_did(book):
    job = book.submit(draft(), act("k"), limit=5).value
    book.claim("w", lease_seconds=LEASE)
    with pytest.raises(VersionConflict) as conflict:
        book.cancel(job.id, act("c"), expected=job.version)
    assert (conflict.value.expected, conflict.value.found) == (1, 2)
    assert not book.get(job.id).cancel_requested
    assert book.cancel(job.id, act("c"), expected=2).value.cancel_requested


def test_the_latest_events_of_several_jobs_are_told_in_their_order(book):
    first, second = (book.submit(draft(), act(key), limit=5).value.id for key in "ab")
    for number in range(3):
        book.cancel(first, act(f"c{number}"))
        book.resume(first, act(f"r{number}"), limit=5)
    told = book.latest_events([second, first, "job_none"], limit=4)
    assert told == {first: book.events(first)[-4:], second: book.events(second), "job_none": ()}
    assert [event.note for event in told[first]] == ["", "resumed", "", "resumed"]


def test_what_there_is_not_is_told(book):
    for ask in (book.get, book.result, lambda one: book.cancel(one, act("x")), lambda one: book.resume(one, act("x"), limit=1)):
        with pytest.raises(JobUnknown):
            ask("job_none")
    job = book.submit(draft(), act("k"), limit=5).value
    with pytest.raises(JobUnfinished):
        book.result(job.id)


def test_lists_are_the_principals_own_and_page_by_page(book):
    ids = [book.submit(draft(p), act(f"k{n}", p), limit=9).value.id for n, p in enumerate(("ann", "bob", "ann", "ann"))]
    assert [job.id for job in book.latest(principal="ann", limit=2)] == [ids[3], ids[2]]
    assert [job.id for job in book.latest(principal="ann", limit=2, after=ids[2])] == [ids[0]]
    assert [job.id for job in book.latest(principal=None, limit=9)] == ids[::-1]


@pytest.mark.requirement("R-API-14")
def test_a_hundred_keys_asked_for_at_once_and_again_have_exactly_a_hundred_effects(book, tmp_path, clock):
    other = SqliteJobBook(tmp_path / "jobs.sqlite", clock=clock)
    found: dict[str, set[str]] = {f"k{number}": set() for number in range(100)}
    repeated: list[bool] = []
    lock = threading.Lock()

    def ask(books):
        for key, ids in found.items():
            recorded = books.submit(draft(), act(key), limit=1000)
            with lock:
                ids.add(recorded.value.id)
                repeated.append(recorded.repeated)

    threads = [threading.Thread(target=ask, args=(one,)) for one in (book, book, other, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    other.close()
    assert len(repeated) == 400
    assert repeated.count(False) == 100
    assert all(len(ids) == 1 for ids in found.values())
    assert book.open_jobs() == 100


def test_a_key_stands_for_one_act_of_one_principal(book):
    first = book.submit(draft(), act("k"), limit=9).value
    with pytest.raises(IdempotencyKeyReused):
        book.submit(draft(steps=4), act("k", fingerprint="another"), limit=9)
    assert book.submit(draft("bob"), act("k", "bob"), limit=9).value.id != first.id
    assert book.open_jobs() == 2


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE job SET status = 'succeeded'", "UPDATE job SET parameters = x'00'", "DELETE FROM job", "DELETE FROM job_event",
        "UPDATE job_event SET note = 'x'", "DELETE FROM act", "UPDATE act SET fingerprint = 'x'",
    ],
)  # fmt: skip
def test_the_database_itself_refuses_what_is_not_lawful(book, tmp_path, statement):
    book.submit(draft(), act("k"), limit=9)
    with sqlite3.connect(tmp_path / "jobs.sqlite") as connection, pytest.raises(sqlite3.IntegrityError):
        connection.execute(statement)


def test_a_damaged_result_is_not_used(book, tmp_path):
    job = book.submit(draft(), act("k"), limit=9).value
    lease = book.claim("w", lease_seconds=LEASE)
    book.keep_step(lease, 0, b"one")
    book.succeed(lease, b"whole")
    with sqlite3.connect(tmp_path / "jobs.sqlite") as connection:
        connection.execute("UPDATE job_result SET content = x'00'")
    for read in (book.result, book.step_results):
        with pytest.raises(JobResultDamaged):
            read(job.id)


class JobLife(RuleBasedStateMachine):
    """Random lives of jobs beside a model that knows what may be."""

    @initialize()
    def open(self) -> None:
        import tempfile
        from pathlib import Path

        self.clock = MovedClock()
        self.folder = tempfile.TemporaryDirectory()
        self.book = SqliteJobBook(Path(self.folder.name) / "jobs.sqlite", clock=self.clock)
        self.status: dict[str, JobStatus] = {}
        self.done: dict[str, int] = {}
        self.asked: set[str] = set()
        self.leases: list = []
        self.acts = 0

    def teardown(self) -> None:
        if hasattr(self, "book"):
            self.book.close()
            self.folder.cleanup()

    def act(self) -> Act:
        self.acts += 1
        return act(f"k{self.acts}")

    @rule()
    def submit(self) -> None:
        full = sum(not status.over for status in self.status.values()) >= 3
        try:
            job = self.book.submit(draft(steps=2), self.act(), limit=3).value
        except JobQueueFull:
            assert full
            return
        assert not full
        self.status[job.id], self.done[job.id] = JobStatus.QUEUED, 0

    @rule()
    def claim(self) -> None:
        lease = self.book.claim("w", lease_seconds=LEASE)
        open_jobs = [one for one, status in self.status.items() if status is JobStatus.QUEUED]
        if lease is None:
            assert not open_jobs
            return
        assert lease.job.steps_done == self.done[lease.job.id]
        assert self.status[lease.job.id] is JobStatus.QUEUED
        self.status[lease.job.id] = JobStatus.RUNNING
        self.leases.append(lease)

    @rule(which=st.integers(0, 5), ending=st.sampled_from(["step", "succeed", "fail", "hand_back"]))
    def work(self, which: int, ending: str) -> None:
        if not self.leases:
            return
        lease = self.leases[which % len(self.leases)]
        job_id = lease.job.id
        current = self.status[job_id] is JobStatus.RUNNING and [x for x in self.leases if x.job.id == job_id][-1] is lease
        try:
            if ending == "step":
                self.book.keep_step(lease, self.done[job_id], b"%d" % self.done[job_id])
                self.done[job_id] += 1
            elif ending == "succeed":
                self.book.succeed(lease, b"whole")
                self.status[job_id] = JobStatus.SUCCEEDED
            elif ending == "fail":
                self.book.fail(lease, "p", "r")
                self.status[job_id] = JobStatus.FAILED
            else:
                self.book.hand_back(lease)
                self.status[job_id] = JobStatus.QUEUED
        except LeaseLost:
            assert not current
            return
        assert current

    @rule(which=st.integers(0, 5))
    def cancel(self, which: int) -> None:
        if not self.status:
            return
        job_id = sorted(self.status)[which % len(self.status)]
        before = self.status[job_id]
        try:
            job = self.book.cancel(job_id, self.act()).value
        except JobOver:
            assert before.over
            return
        assert not before.over
        if before is JobStatus.QUEUED:
            self.status[job_id] = JobStatus.CANCELLED
        else:
            assert job.cancel_requested

    @rule(which=st.integers(0, 5))
    def resume(self, which: int) -> None:
        if not self.status:
            return
        job_id = sorted(self.status)[which % len(self.status)]
        try:
            self.book.resume(job_id, self.act(), limit=3)
        except JobNotResumable:
            assert self.status[job_id] not in (JobStatus.FAILED, JobStatus.CANCELLED)
            return
        except JobQueueFull:
            assert sum(not status.over for status in self.status.values()) >= 3
            return
        assert self.status[job_id] in (JobStatus.FAILED, JobStatus.CANCELLED)
        self.status[job_id] = JobStatus.QUEUED

    @invariant()
    def the_book_says_what_the_model_says(self) -> None:
        for job_id, status in getattr(self, "status", {}).items():
            job = self.book.get(job_id)
            assert (job.status, job.steps_done) == (status, self.done[job_id])
            assert len(self.book.step_results(job_id)) == job.steps_done
            assert (job.result_digest is not None) == (status is JobStatus.SUCCEEDED)
            assert self.book.events(job_id)[-1].status is status


JobLife.TestCase.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
TestJobLife = JobLife.TestCase
