"""Events from Kafka: the one doorway to its client, which is an extra.

A batch is committed only after the caller says that it is durable, so what is delivered twice is told twice: the event book
counts it once.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from types import ModuleType
from typing import Any

import orjson

from ingest.errors import KafkaMissing, StreamUnavailable
from ingest.event_shape import Unreadable

__all__ = ["MOST_EVENTS", "KafkaEvents", "KafkaSettings", "events_of"]

MOST_EVENTS = 1000
"""Messages of a batch, and events of a message."""
WAIT_SECONDS = 0.2
CLIENT = "confluent_kafka"
"""An extra: everything else works without it."""
logger = logging.getLogger("shelfgraph.ingest")


@dataclass(frozen=True, slots=True)
class KafkaSettings:
    """Where events come from. `more` holds further settings of the client by its own names, such as those of TLS and SASL."""

    servers: str
    topic: str
    group: str
    more: Mapping[str, str] = field(default_factory=dict)


class KafkaEvents:
    """A consumer of one topic in one group. Raises: KafkaMissing, StreamUnavailable."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._client = _installed()
        self._settings = settings
        options = {
            **settings.more,
            "bootstrap.servers": settings.servers,
            "group.id": settings.group,
            "enable.auto.commit": False,  # committed when the book has it, never before
            "auto.offset.reset": "earliest",
        }
        try:
            self._consumer: Any = self._client.Consumer(options)
            self._consumer.subscribe([settings.topic])
        except (self._client.KafkaException, ValueError, TypeError) as error:
            raise StreamUnavailable(settings.servers, str(error)) from error

    def batch(self, wait_seconds: float = WAIT_SECONDS) -> tuple[object, ...]:
        """Return the events of the next messages, none when nothing came. Raises: StreamUnavailable.

        Brokers that are away are waited for: the client finds them again by itself.
        """
        try:
            messages = self._consumer.consume(MOST_EVENTS, wait_seconds)
        except self._client.KafkaException as error:
            raise StreamUnavailable(self._settings.servers, str(error)) from error
        told: list[object] = []
        for message in messages:
            if message.error() is None:
                told += events_of(message.value(), f"{message.topic()}/{message.partition()}/{message.offset()}")
            else:
                self._look_at(message.error())
        return tuple(told)

    def commit(self) -> None:
        """Say that all that was returned so far is durable. Where that fails it will come again, and count once."""
        try:
            self._consumer.commit(asynchronous=False)
        except self._client.KafkaException as error:
            if error.args[0].code() != self._client.KafkaError._NO_OFFSET:  # noqa: SLF001 - the client's own name of the code
                logger.warning("what was read from Kafka could not be committed and may come again: %s", error)

    def close(self) -> None:
        """Leave the group. Closing twice is allowed."""
        self._consumer.close()

    def _look_at(self, error: Any) -> None:
        if error.fatal():
            raise StreamUnavailable(self._settings.servers, str(error))
        logger.warning("Kafka: %s", str(error)[:300])


def events_of(payload: bytes | None, place: str) -> list[object]:
    """Return the events of one message: a JSON list holds up to 1,000, anything else that is JSON is one."""
    try:
        parsed = orjson.loads(payload or b"")
    except orjson.JSONDecodeError:
        return [Unreadable(place, (payload or b"").decode(errors="replace"), "the message is no JSON")]
    if isinstance(parsed, list):
        if len(parsed) > MOST_EVENTS:
            return [Unreadable(place, f"{len(parsed)} events", f"a message has at most {MOST_EVENTS} events")]
        return parsed
    return [parsed]


def _installed() -> ModuleType:
    try:
        return import_module(CLIENT)
    except ModuleNotFoundError as error:
        raise KafkaMissing from error
