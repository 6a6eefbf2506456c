"""Artefacts in a folder: one sub-folder per digest, written whole or not at all, checked whenever it is read."""

import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from governance.records.errors import ArtefactDamaged, ArtefactUnknown
from kit.canonical import canonical_bytes, digest_of_bytes

__all__ = ["FolderArtefactStore"]

MANIFEST = "manifest.json"
FILES = "files"
DIGEST_LENGTH = 64


class FolderArtefactStore:
    """Implements `governance.records.ports.ArtefactStore`. The digest is the SHA-256 of the manifest of names and digests."""

    def __init__(self, root: Path) -> None:
        root.mkdir(parents=True, exist_ok=True)
        self._root = root

    def put(self, files: Mapping[str, bytes]) -> str:
        for name in files:
            if not name or name != Path(name).name or name.startswith("."):
                raise ValueError(f"'{name}' is no plain file name")
        manifest = canonical_bytes({name: digest_of_bytes(content) for name, content in files.items()})
        digest = digest_of_bytes(manifest)
        target = self._root / digest
        if target.exists():
            self.get(digest)  # a damaged copy is reported, not covered up
            return digest
        draft = Path(tempfile.mkdtemp(prefix=".draft-", dir=self._root))
        try:
            self._write(draft, manifest, files)
            self._publish(draft, target)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
        return digest

    def get(self, digest: str) -> Mapping[str, bytes]:
        if len(digest) != DIGEST_LENGTH or not digest.isalnum() or not (self._root / digest).is_dir():
            raise ArtefactUnknown(digest)
        folder = self._root / digest
        manifest = self._read(digest, folder / MANIFEST)
        if digest_of_bytes(manifest) != digest:
            raise ArtefactDamaged(digest, "its manifest was changed.")
        return {name: self._checked(digest, folder / FILES / name, expected) for name, expected in json.loads(manifest).items()}

    def _checked(self, digest: str, path: Path, expected: str) -> bytes:
        content = self._read(digest, path)
        if digest_of_bytes(content) != expected:
            raise ArtefactDamaged(digest, f"its file '{path.name}' was changed.")
        return content

    def _read(self, digest: str, path: Path) -> bytes:
        try:
            return path.read_bytes()
        except OSError as error:
            raise ArtefactDamaged(digest, f"its file '{path.name}' cannot be read ({error.strerror}).") from error

    def _write(self, draft: Path, manifest: bytes, files: Mapping[str, bytes]) -> None:
        (draft / FILES).mkdir()
        for name, content in files.items():
            _write_durably(draft / FILES / name, content)
        _write_durably(draft / MANIFEST, manifest)
        _sync(draft / FILES)
        _sync(draft)

    def _publish(self, draft: Path, target: Path) -> None:
        try:
            draft.rename(target)
        except OSError:
            if not target.is_dir():  # another process put the same artefact first: that copy counts
                raise
        _sync(self._root)


def _write_durably(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    path.chmod(0o444)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
