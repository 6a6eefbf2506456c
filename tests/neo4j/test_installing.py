"""Assembling the server: digests, interruptions, cuts and retries, without a network."""

import hashlib
import os
from pathlib import Path

import pytest

from kg.neo4j_store.server import GDS_VERSION, NEO4J_VERSION, InstallFailed
from kg.neo4j_store.server.installing import DRAFT_PREFIX, check_installed, install, installed
from kg.neo4j_store.server.jar_lock import LockedJar, lock_digest, locked_jars, parse_lock


def jar(artifact: str, content: bytes, group: str = "org.example") -> LockedJar:
    return LockedJar(group, artifact, "1", "", hashlib.sha256(content).hexdigest())


JARS = (jar("one", b"first"), jar("two", b"second"), jar("proc", b"third", "org.neo4j.gds"))
CONTENT = {"one": b"first", "two": b"second", "proc": b"third"}


def fetch_from(content: dict[str, bytes]):
    def fetch(wanted: LockedJar, folder: Path) -> Path:
        target = folder / f"{wanted.artifact}.jar"
        target.write_bytes(content[wanted.artifact])
        return target

    return fetch


def test_the_shipped_lock_is_whole_and_names_no_address() -> None:
    jars = locked_jars()
    text = (Path(__file__).parents[2] / "kg/neo4j_store/server/jars.lock").read_text()
    assert "/" not in text
    assert text.splitlines() == [f"{one.coordinate} {one.sha256}" for one in jars]
    assert len(jars) == 344
    assert len({(one.folder, one.file_name) for one in jars}) == len(jars)
    versions = {(one.group, one.artifact): one.version for one in jars}
    assert versions["org.neo4j", "neo4j"] == NEO4J_VERSION
    assert versions["org.neo4j.gds", "proc"] == GDS_VERSION
    # without it every projection fails although the plugin answers
    assert versions["org.openjdk.jol", "jol-core"] == "0.17"
    assert versions["org.ow2.asm", "asm"] == "9.7.1"


@pytest.mark.parametrize("line", ["a:b:1", "a:b 00", "a:b:1 00", "a:b:1:c:d " + "0" * 64])
def test_a_line_of_another_form_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match="not a locked jar"):
        parse_lock(line)


def test_jars_are_placed_by_group_and_the_second_time_nothing_is_fetched(tmp_path: Path) -> None:
    first = install(cache=tmp_path, jars=JARS, fetch=fetch_from(CONTENT))
    assert first.folder == tmp_path / f"neo4j-{lock_digest()}"
    assert sorted(path.name for path in first.libraries.iterdir()) == ["one-1.jar", "two-1.jar"]
    assert (first.plugins / "proc-1.jar").read_bytes() == b"third"
    assert install(cache=tmp_path, jars=JARS, fetch=fetch_from({})) == first
    assert [path.name for path in tmp_path.iterdir()] == [first.folder.name]


def test_a_changed_jar_is_named_and_nothing_is_left(tmp_path: Path) -> None:
    with pytest.raises(InstallFailed, match=r"org\.example:two:1 could not be installed: its SHA-256 is") as caught:
        install(cache=tmp_path, jars=JARS, fetch=fetch_from({**CONTENT, "two": b"tampered"}))
    assert caught.value.part == "org.example:two:1"
    assert installed(tmp_path) is None
    assert list(tmp_path.iterdir()) == []


def test_a_passing_failure_is_tried_again_and_a_lasting_one_keeps_the_address_to_itself(tmp_path: Path) -> None:
    tries: list[str] = []

    def flaky(wanted: LockedJar, folder: Path) -> Path:
        tries.append(wanted.artifact)
        if wanted.artifact == "one" and tries.count("one") < 3:
            raise RuntimeError("not found at https://mirror.example/secret")
        return fetch_from(CONTENT)(wanted, folder)

    install(cache=tmp_path / "good", jars=JARS, fetch=flaky)
    assert tries.count("one") == 3

    def broken(wanted: LockedJar, folder: Path) -> Path:
        raise OSError("no route to https://mirror.example/secret")

    with pytest.raises(InstallFailed, match=r"could not be fetched in 3 attempts \(OSError\)") as caught:
        install(cache=tmp_path / "bad", jars=JARS, fetch=broken)
    assert "mirror.example" not in str(caught.value)
    assert list((tmp_path / "bad").iterdir()) == []


def test_the_draft_of_a_dead_process_is_swept_and_that_of_a_living_one_stays(tmp_path: Path) -> None:
    dead = tmp_path / f"{DRAFT_PREFIX}999999999-x"
    living = tmp_path / f"{DRAFT_PREFIX}{os.getpid()}-y"
    for draft in (dead, living):
        (draft / "lib").mkdir(parents=True)
    install(cache=tmp_path, jars=JARS, fetch=fetch_from(CONTENT))
    assert not dead.exists()
    assert living.exists()


def test_whoever_is_second_takes_the_first_one_s_work(tmp_path: Path) -> None:
    def slow(wanted: LockedJar, folder: Path) -> Path:
        if wanted.artifact == "two" and not installed(tmp_path):
            install(cache=tmp_path, jars=JARS, fetch=fetch_from(CONTENT))
        return fetch_from(CONTENT)(wanted, folder)

    found = install(cache=tmp_path, jars=JARS, fetch=slow)
    assert (found.libraries / "two-1.jar").read_bytes() == b"second"
    assert [path for path in tmp_path.iterdir() if path != found.folder] == []


@pytest.mark.parametrize("name", ["lib/two-1.jar", "plugins/proc-1.jar"])
def test_a_jar_that_was_changed_in_the_cache_is_found_before_the_server_starts(tmp_path: Path, name: str) -> None:
    found = install(cache=tmp_path, jars=JARS, fetch=fetch_from(CONTENT))
    (found.folder / name).write_bytes(b"tampered")
    with pytest.raises(InstallFailed, match=r"its SHA-256 is .* delete that folder"):
        install(cache=tmp_path, jars=JARS, fetch=fetch_from(CONTENT))


def test_a_jar_that_is_missing_or_strange_in_the_cache_is_found(tmp_path: Path) -> None:
    found = install(cache=tmp_path, jars=JARS, fetch=fetch_from(CONTENT))
    (found.plugins / "stranger-1.jar").write_bytes(b"x")
    with pytest.raises(InstallFailed, match=r"plugins/stranger-1\.jar"):
        check_installed(found, JARS)
    (found.plugins / "stranger-1.jar").unlink()
    check_installed(found, JARS)
    (found.libraries / "one-1.jar").unlink()
    with pytest.raises(InstallFailed, match=r"lib/one-1\.jar"):
        check_installed(found, JARS)
