"""The one typed settings object: built at start-up, passed in, read from `SHELFGRAPH_*` variables nowhere else."""

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

__all__ = ["Settings"]

LOOPBACK = ("127.0.0.1", "localhost", "::1")


class Settings(BaseSettings):
    """Every setting with its default; each is a variable `SHELFGRAPH_NAME` in the environment."""

    model_config = SettingsConfigDict(env_prefix="SHELFGRAPH_", frozen=True, extra="forbid")

    home: Path = Field(default=Path(".shelfgraph"), description="Folder of all data: lake, graph, models, books, vault.")
    store: Literal["embedded", "neo4j"] = Field(default="embedded", description="Where the graph of record lives.")
    host: str = Field(default="127.0.0.1", description="Address the API listens on. Anything but loopback needs real identities.")
    port: int = Field(default=8080, ge=0, le=65535, description="Port the API listens on; 0 takes a free one.")
    neo4j_uri: str | None = Field(default=None, description="Bolt address of a Neo4j of your own; none: a local one is started.")
    neo4j_user: str = Field(default="neo4j", description="User of the Neo4j server.")
    neo4j_password: SecretStr | None = Field(default=None, description="Its password; none: the local server's own.")
    neo4j_heap: str = Field(default="2g", description="Heap of the local Neo4j server.")
    neo4j_pagecache: str = Field(default="512m", description="Page cache of the local Neo4j server.")
    pseudonym_key: SecretStr | None = Field(
        default=None, description="Key of the household pseudonyms; none: one is made once and kept in the vault folder."
    )
    query_timeout_seconds: float = Field(default=5.0, gt=0, le=60, description="Longest a read of the graph store may take.")
    threads: int = Field(default=2, ge=1, le=64, description="Threads for queries and training.")
    seed: int = Field(default=20170101, description="Seed of everything random: simulated feeds, embeddings, models.")

    @model_validator(mode="after")
    def _loopback_only(self) -> "Settings":
        if self.host not in LOOPBACK:
            raise ValueError(
                f"host {self.host!r} is not loopback: this version has only the development identity, which is given on loopback "
                f"alone. Set SHELFGRAPH_HOST to one of {', '.join(LOOPBACK)} and put an authenticating proxy in front."
            )
        return self
