"""Where everything of one installation lies."""

import secrets
from dataclasses import dataclass
from pathlib import Path

__all__ = ["HomeLayout"]


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
        """Return the key of the household pseudonyms, made once and readable by the owner alone."""
        path = self.vault / "pseudonym.key"
        if not path.exists():
            self.vault.mkdir(parents=True, exist_ok=True, mode=0o700)
            path.touch(mode=0o600)
            path.write_bytes(secrets.token_hex(32).encode())
        return path.read_bytes()
