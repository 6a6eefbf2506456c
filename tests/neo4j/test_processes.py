"""Processes are ended by number and start time, never a stranger of the same number."""

import json
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

import pytest

from kg.neo4j_store.server import RunningServer, status, stop
from kg.neo4j_store.server.processes import command_line, end_process, is_alive, start_mark, wait_for_threads

FIRST_THREAD_ENDS = """
import ctypes, os, threading, time
threading.Thread(target=lambda: (time.sleep(1.5), os._exit(0))).start()
ctypes.CDLL(None).pthread_exit(None)
"""


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


def test_a_command_line_is_read_until_the_process_is_gone() -> None:
    process = sleeper()
    while not command_line(process.pid):
        # between the new programme and its words
        time.sleep(0.01)
    assert command_line(process.pid) == f"{sys.executable} -c import time; time.sleep(60)"
    process.kill()
    process.wait()
    assert command_line(process.pid) == ""


@pytest.mark.parametrize(("patience", "waited"), [(20.0, True), (0.2, False)])
def test_what_is_left_of_an_ended_process_is_waited_for(patience: float, waited: bool) -> None:
    process = subprocess.Popen([sys.executable, "-c", FIRST_THREAD_ENDS], start_new_session=True)
    try:
        while is_alive(process.pid):
            time.sleep(0.01)
        # a system that does not list threads has nothing to wait for
        listed = Path("/proc/self/task").is_dir()
        assert wait_for_threads(process.pid, patience_seconds=patience) is (waited or not listed)
    finally:
        process.kill()
        process.wait()


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
