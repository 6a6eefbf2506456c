"""Where everything of one installation lies."""

import contextlib
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import KeyDamaged

__all__ = ["HomeLayout"]

KEY_CHARACTERS = 64


@dataclass(frozen=True, slots=True)
class HomeLayout:
    """The folders below one home. Nothing is written outside of it but the shared cache of the Neo4j packages."""

    home: Path

    @property
    def lake(self) -> Path:
        return self.home / "lake"

    @property
    def embedded_graph(self) -> Path:
        return self.home / "graph" / "embedded"

    @property
    def neo4j(self) -> Path:
        return self.home / "graph" / "neo4j"

    @property
    def snapshots(self) -> Path:
        return self.home / "graph" / "snapshots"

    @property
    def features(self) -> Path:
        return self.home / "features"

    @property
    def artefacts(self) -> Path:
        return self.home / "models"

    @property
    def books(self) -> Path:
        return self.home / "books"

    @property
    def vault(self) -> Path:
        return self.home / "vault"

    def pseudonym_key(self) -> bytes:
        """Return the key of the household pseudonyms, made once and readable by the owner alone. Raises: KeyDamaged."""
        return self.key("pseudonym")

    def key(self, name: str) -> bytes:
        """Return the key of that name, made at the first call: whole, for its owner alone, the same for all who ask at once.

        Raises: KeyDamaged when the file holds less than a key; it is never replaced, because what was made with it would be lost.
        """
        path = self.vault / f"{name}.key"
        if not path.exists():
            self.vault.mkdir(parents=True, exist_ok=True, mode=0o700)
            _make_key(path)
        key = path.read_bytes()
        if len(key) < KEY_CHARACTERS:
            raise KeyDamaged(path, len(key))
        return key


def _make_key(path: Path) -> None:
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(secrets.token_hex(KEY_CHARACTERS // 2).encode())
            file.flush()
            os.fsync(file.fileno())
        # a link to a name that is taken fails: whoever came first has made the key
        with contextlib.suppress(FileExistsError):
            path.hardlink_to(draft)
    finally:
        draft.unlink(missing_ok=True)
