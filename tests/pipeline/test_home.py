"""Keys of the vault are whole or refused, and a git that does not answer stops nothing."""

import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pipeline import books
from pipeline.errors import KeyDamaged
from pipeline.layout import HomeLayout


def test_a_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    layout = HomeLayout(tmp_path)
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _: layout.key("cursor"), range(16)))
    assert len(keys) == 1
    assert len(keys.pop()) == 64
    assert [path.name for path in layout.vault.iterdir()] == ["cursor.key"]
    assert (layout.vault / "cursor.key").stat().st_mode & 0o077 == 0
    assert layout.vault.stat().st_mode & 0o077 == 0
    assert layout.pseudonym_key() not in keys
    assert layout.pseudonym_key() == layout.key("pseudonym")


@pytest.mark.parametrize("content", [b"", b"half of a k"])
def test_a_key_that_was_cut_off_is_refused_and_kept(tmp_path: Path, content: bytes) -> None:
    layout = HomeLayout(tmp_path)
    layout.vault.mkdir()
    (layout.vault / "pseudonym.key").write_bytes(content)
    with pytest.raises(KeyDamaged, match="cut off"):
        layout.pseudonym_key()
    assert (layout.vault / "pseudonym.key").read_bytes() == content


def test_a_writer_that_dies_while_it_writes_a_key_leaves_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def dies(_: int) -> None:
        raise KeyboardInterrupt

    layout = HomeLayout(tmp_path)
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(os, "fsync", dies)
        layout.pseudonym_key()
    assert list(layout.vault.iterdir()) == []
    assert len(layout.pseudonym_key()) == 64


def test_a_git_that_does_not_answer_is_no_version(monkeypatch: pytest.MonkeyPatch) -> None:
    def late(*_: object, **__: object) -> None:
        raise subprocess.TimeoutExpired("git", 10)

    monkeypatch.setattr(books.subprocess, "run", late)
    assert books.code_version() == "unversioned"
