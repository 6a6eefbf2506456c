"""The one typed settings object: built at start-up, passed in, read from `SHELFGRAPH_*` variables nowhere else."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from features.holiday_calendar import CountryUnknown, check_country
from kit.errors import ShelfgraphError

__all__ = ["Settings", "SettingsInvalid", "read_settings", "unknown_variables"]

LOOPBACK = ("127.0.0.1", "localhost", "::1")


class SettingsInvalid(ShelfgraphError):
    """A setting is outside of what is allowed, or lacks another that it needs."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__(
            f"The settings cannot be used: {'; '.join(problems)}.",
            "Set or unset these variables and try again; docs/settings.md has every setting with its default.",
        )


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
    query_timeout_seconds: float = Field(default=5.0, gt=0, le=60, description="Longest a read of the graph of record may take.")
    threads: int = Field(default=2, ge=1, le=64, description="Threads of the lake's and the embedded store's queries.")
    query_memory_gb: int = Field(default=3, ge=1, le=1024, description="Memory of a query of the lake; beyond it writes to disk.")
    job_queue: int = Field(default=20, ge=1, le=1000, description="How many jobs may be queued or running; more are refused.")
    event_days: int = Field(
        default=90, ge=1, le=3650, description="How many days the book keeps online events; what happened earlier is refused."
    )
    kafka_servers: str | None = Field(default=None, description="Brokers of the Kafka that events come from; none: not used.")
    kafka_topic: str = Field(default="shelfgraph.events", description="Topic of the events.")
    kafka_group: str = Field(default="shelfgraph", description="Consumer group; the members of one group share the topic.")
    kafka_config: Path | None = Field(default=None, description="File of more settings of the Kafka client, `name=value` a line.")
    release_look_seconds: float = Field(
        default=2.0, gt=0, le=3600, description="How often a server looks whether another release became the current one."
    )
    seed: int = Field(default=20170101, description="Seed of everything random: simulated feeds, embeddings, models.")
    country: str = Field(
        default="US", description="ISO 3166 code of the country, or part of one, whose public holidays forecasts know ahead."
    )
    recommend_stock_age_days: int = Field(
        default=14,
        ge=0,
        le=365,
        description="Stock that is older is unknown to recommendations, unless a request says otherwise.",
    )
    discovery_share: float = Field(
        default=0.1,
        ge=0,
        le=1,
        description="Share of a household's places for what it never bought, where a request names none.",
    )
    placements: Path | None = Field(
        default=None,
        description="JSON file of the named places of the shop's pages; none: the usual ones.",
    )

    most_waiting: int = Field(
        default=128, ge=1, le=100_000, description="How many requests of one process may be under way; those beyond are refused."
    )
    exploration_temperature: float = Field(
        default=0.5,
        ge=0,
        le=10,
        description="How freely places of discovery are drawn, in standard deviations of the scores; 0: never.",
    )
    exploration_floor: float = Field(
        default=0.1,
        gt=0,
        le=1,
        description="Share of such a draw that falls on all candidates alike: bounds what one outcome can weigh.",
    )
    exploration_candidates: int = Field(default=30, ge=1, le=200, description="How many of the best candidates are drawn from.")
    exposure_days: int = Field(default=30, ge=1, le=400, description="How long after an answer outcomes of it are taken.")
    exposure_key: SecretStr | None = Field(
        default=None,
        min_length=32,
        description="Key of the exposure tokens, at least 32 characters; none: one is made once and kept in the vault folder.",
    )

    @field_validator("country")
    @classmethod
    def _country_with_holidays(cls, country: str) -> str:
        try:
            return check_country(country)
        except CountryUnknown as error:
            raise ValueError(f"{error.problem[:-1]}: name a country by its two letters (US), or a part of one (DE-BY)") from error

    @model_validator(mode="after")
    def _loopback_only(self) -> "Settings":
        if self.host not in LOOPBACK:
            raise ValueError(
                f"SHELFGRAPH_HOST {self.host!r} is not loopback: this version has only the development identity, which is given "
                f"on loopback alone. Set it to one of {', '.join(LOOPBACK)} and put an authenticating proxy in front"
            )
        return self

    @model_validator(mode="after")
    def _own_server_with_password(self) -> "Settings":
        if self.neo4j_uri and self.neo4j_password is None:
            raise ValueError(
                "SHELFGRAPH_NEO4J_URI names a server of your own, and SHELFGRAPH_NEO4J_PASSWORD is not set: set it too, or unset "
                "the address to have a local server assembled and started"
            )
        return self


def read_settings() -> Settings:
    """Return the settings of the environment. Raises: SettingsInvalid."""
    try:
        return Settings()
    except ValidationError as error:
        raise SettingsInvalid([_told(one["loc"], one["msg"]) for one in error.errors(include_url=False)]) from None


def unknown_variables() -> list[str]:
    """Return the variables of the environment that look like settings and are none: a slip of the pen, or not for us."""
    known = {f"SHELFGRAPH_{name.upper()}" for name in Settings.model_fields}
    return sorted(name for name in os.environ if name.startswith("SHELFGRAPH_") and name not in known)


def _told(place: tuple[int | str, ...], message: str) -> str:
    """Return one fault without its value, which may be a secret."""
    text = message.removeprefix("Value error, ")
    return f"SHELFGRAPH_{str(place[0]).upper()}: {text[:1].lower()}{text[1:]}" if place else text
