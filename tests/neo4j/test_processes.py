"""Processes are ended by number and start time, never a stranger of the same number."""

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

from kg.neo4j_store.server import RunningServer, status, stop
from kg.neo4j_store.server.processes import end_process, is_alive, start_mark


def sleeper() -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)


def write_pid_file(home: Path, pid: int, started: str) -> None:
    (home / "run").mkdir(parents=True)
    server = RunningServer("bolt://127.0.0.1:1", "neo4j", "a password", pid, started, "5", "2")
    (home / "run" / "server.json").write_text(json.dumps(asdict(server)))


def test_a_process_is_ended_once() -> None:
    process = sleeper()
    mark = start_mark(process.pid)
    assert mark is not None
    assert end_process(process.pid, mark, patience_seconds=10)
    assert not is_alive(process.pid)
    assert not end_process(process.pid, mark, patience_seconds=10)


def test_one_that_does_not_listen_is_ended_by_force() -> None:
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
    process = subprocess.Popen([sys.executable, "-c", code], start_new_session=True, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"deaf\n"
    assert end_process(process.pid, start_mark(process.pid) or "", patience_seconds=0.5)
    assert not is_alive(process.pid)


def test_a_stranger_with_the_number_of_ours_is_left_alone(tmp_path: Path) -> None:
    stranger = sleeper()
    try:
        write_pid_file(tmp_path, stranger.pid, "another start")
        assert status(tmp_path) is None
        assert not stop(tmp_path)
        assert is_alive(stranger.pid)
        assert not (tmp_path / "run" / "server.json").exists()
    finally:
        stranger.kill()
        stranger.wait()


def test_a_home_without_a_server_has_none(tmp_path: Path) -> None:
    assert status(tmp_path) is None
    assert not stop(tmp_path)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "server.json").write_text("not json")
    assert status(tmp_path) is None


def test_stop_ends_the_process_of_the_pid_file(tmp_path: Path) -> None:
    process = sleeper()
    write_pid_file(tmp_path, process.pid, start_mark(process.pid) or "")
    assert stop(tmp_path)
    assert not is_alive(process.pid)
