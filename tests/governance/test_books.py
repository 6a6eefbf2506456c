"""Runs, releases and artefacts."""

import random
import shutil
import sqlite3
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from governance.records import FolderArtefactStore, Release, SqliteReleaseBook, SqliteRunBook
from governance.records.errors import (
    ArtefactDamaged,
    ArtefactUnknown,
    NothingReleased,
    RecordsError,
    ReleaseConflict,
    ReleaseUnknown,
    RunFinished,
    RunUnknown,
)
from kit.clock import FixedClock

MOMENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
RELEASE = Release("rel_1", MOMENT, "2017-12-31", "g1", "1.0", "f1", {"recommend": "a" * 64}, "p1", "run_1")


@pytest.fixture
def runs(tmp_path):
    return SqliteRunBook(tmp_path / "books.db", code_version="c1", clock=FixedClock(MOMENT))


def test_a_run_is_opened_closed_and_listed(runs):
    first = runs.start("train", parameters={"seed": 1, "rate": 0.1}, inputs={"lake": "d1"})
    second = runs.start("ingest", parameters={}, inputs={})
    assert runs.get(first.id) == first
    assert first.status == "running"
    done = runs.finish(first.id, figures={"wape": 0.5}, outputs={"model": "d2"})
    assert done == replace(first, finished_at=MOMENT, figures={"wape": 0.5}, outputs={"model": "d2"}, status="succeeded")
    assert [r.id for r in runs.latest()] == [second.id, first.id]
    assert [r.id for r in runs.latest("train")] == [first.id]
    assert [r.id for r in runs.latest(limit=1)] == [second.id]


def test_a_finished_run_is_never_changed(runs, tmp_path):
    run = runs.start("train", parameters={}, inputs={})
    done = runs.finish(run.id, figures={}, outputs={}, status="failed")
    with pytest.raises(RunFinished):
        runs.finish(run.id, figures={"x": 1.0}, outputs={})
    with pytest.raises(RunUnknown):
        runs.finish("run_none", figures={}, outputs={})
    with pytest.raises(ValueError, match="succeeded"):
        runs.finish(run.id, figures={}, outputs={}, status="running")
    raw = sqlite3.connect(tmp_path / "books.db")
    for statement in ("UPDATE run SET status = 'succeeded'", "DELETE FROM run"):
        with pytest.raises(sqlite3.IntegrityError):
            raw.execute(statement)
    assert runs.get(run.id) == done


def test_the_last_published_release_is_current_and_survives_reopening(tmp_path):
    book = SqliteReleaseBook(tmp_path / "books.db")
    with pytest.raises(NothingReleased):
        book.current()
    with pytest.raises(ReleaseUnknown):
        book.get("rel_1")
    second = replace(RELEASE, id="rel_2", graph_version="g2")
    book.publish(RELEASE)
    book.publish(second)
    assert book.current() == second
    assert book.get("rel_1") == RELEASE
    assert book.latest() == (second, RELEASE)
    book.publish(RELEASE)
    again = SqliteReleaseBook(tmp_path / "books.db")
    assert again.current() == RELEASE
    assert again.latest() == (RELEASE, second)
    assert again.latest(limit=1) == (RELEASE,)


def test_a_release_id_is_never_used_for_something_else(tmp_path):
    book = SqliteReleaseBook(tmp_path / "books.db")
    book.publish(RELEASE)
    with pytest.raises(ReleaseConflict):
        book.publish(replace(RELEASE, graph_version="other"))
    assert book.current() == book.get("rel_1") == RELEASE


def test_a_file_that_is_no_database_is_a_clear_error(tmp_path):
    (tmp_path / "books.db").write_bytes(b"no database at all, only text of some length" * 100)
    with pytest.raises(RecordsError, match="cannot be opened"):
        SqliteReleaseBook(tmp_path / "books.db")


def test_artefacts_come_back_as_put_and_putting_twice_is_once(tmp_path):
    store = FolderArtefactStore(tmp_path / "store")
    files = {"model.txt": b"trees", "columns.json": b"[]", "empty": b""}
    digest = store.put(files)
    assert store.put(dict(reversed(files.items()))) == digest
    assert dict(FolderArtefactStore(tmp_path / "store").get(digest)) == files
    assert store.put({**files, "empty": b"1"}) != digest
    assert [p.name for p in (tmp_path / "store").iterdir() if p.name.startswith(".")] == []


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".hidden", "/etc/x"])
def test_names_that_leave_the_artefact_are_refused(tmp_path, name):
    store = FolderArtefactStore(tmp_path)
    with pytest.raises(ValueError, match="plain file name"):
        store.put({name: b""})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("digest", ["", "0" * 64, "../store", "x" * 64, "manifest.json"])
def test_unknown_artefacts_are_refused(tmp_path, digest):
    with pytest.raises(ArtefactUnknown):
        FolderArtefactStore(tmp_path).get(digest)


def test_300_flipped_bits_and_lost_files_are_all_found(tmp_path):
    store, rng = FolderArtefactStore(tmp_path / "store"), random.Random(3)
    digest = store.put({"model.txt": bytes(rng.randbytes(300)), "columns.json": b'["a","b"]'})
    kept = tmp_path / "kept"
    shutil.copytree(tmp_path / "store" / digest, kept)
    paths = sorted(p.relative_to(kept) for p in kept.rglob("*") if p.is_file())
    assert len(paths) == 3
    for number in range(300):
        victim = tmp_path / "store" / digest / paths[number % 3]
        content = bytearray(victim.read_bytes())
        position = rng.randrange(len(content) * 8)
        content[position // 8] ^= 1 << (position % 8)
        victim.chmod(0o644)
        victim.write_bytes(content)
        with pytest.raises(ArtefactDamaged):
            store.get(digest)
        with pytest.raises(ArtefactDamaged):
            store.put({"model.txt": (kept / "files" / "model.txt").read_bytes(), "columns.json": b'["a","b"]'})
        victim.write_bytes((kept / paths[number % 3]).read_bytes())
    (tmp_path / "store" / digest / "files" / "model.txt").unlink()
    with pytest.raises(ArtefactDamaged):
        store.get(digest)
