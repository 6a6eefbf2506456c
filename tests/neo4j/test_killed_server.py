"""A server that is killed in the middle of a load is started again, and the same load completes it to the same graph."""

import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from kg.neo4j_store import open_neo4j
from kg.neo4j_store.server import RunningServer, start, status, stop
from tests.conformance.large_world import whole, write_whole
from tests.conformance.world import SCHEMA

pytestmark = [pytest.mark.neo4j, pytest.mark.timeout(600)]
SMALL = {"heap": "1g", "pagecache": "128m", "jvm_options": ("-XX:TieredStopAtLevel=1",)}


def kill_in_the_middle_of_a_load(server: RunningServer, root: Path) -> None:
    """Kill the server while the call after the first large one is under way."""
    address = [server.uri, server.user, server.password]
    command = [sys.executable, "-m", "tests.conformance.writer_process", "whole", "neo4j", *address]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root) as writer:
        try:
            assert [writer.stdout.readline() for _ in range(2)] == ["0\n", "1\n"]
            time.sleep(0.5)
            os.killpg(server.pid, signal.SIGKILL)
            time.sleep(1.0)
            assert writer.poll() is None or writer.returncode != 0
        finally:
            writer.kill()
        # it had not come to the next call's end
        assert writer.stdout.read() == ""


def test_a_load_outlives_a_killed_server(tmp_path: Path, project_root: Path) -> None:
    try:
        first = start(tmp_path, **SMALL)
        with closing(open_neo4j(first.uri, first.user, first.password, SCHEMA)) as store:
            store.prepare()
        kill_in_the_middle_of_a_load(first, project_root)
        assert status(tmp_path) is None
        # the number of the killed server belongs to somebody else by now
        (tmp_path / "run" / "neo4j.pid").write_text(str(os.getpid()))
        again = start(tmp_path, **SMALL)
        assert again.pid != first.pid
        with closing(open_neo4j(again.uri, again.user, again.password, SCHEMA)) as store:
            # what was told as written is there
            assert store.counts()["Product"] == whole().export_nodes("Product").num_rows
            write_whole(store)
            assert store.digest() == whole().digest()
    finally:
        stop(tmp_path)
