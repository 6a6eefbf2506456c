"""The desk that takes online events: judged, durable, and part of this process's facts before the answer leaves."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from api.settings import Settings, SettingsInvalid
from decisions.recommend.online import Overlay
from governance.records import SqliteEventBook
from ingest.online_events import EventIntake
from ingest.stream import KafkaSettings
from pipeline.online_events import TakenEvents, outcomes

__all__ = ["EventDesk", "kafka_settings"]


@dataclass(frozen=True, slots=True)
class EventDesk:
    """Takes events for one home. Other processes of the home see them through their own overlays."""

    intake: EventIntake
    book: SqliteEventBook
    overlay: Overlay

    async def take(self, told: Sequence[object]) -> TakenEvents:
        """Return what became of each event; those accepted are on disk and in the facts. Raises: BookUnavailable."""
        # milliseconds, however few the events: the loop answers others meanwhile
        judged = await asyncio.to_thread(self.intake.judge, told)
        receipts = await asyncio.wrap_future(self.book.submit(judged.batch))
        await asyncio.to_thread(self.overlay.catch_up)
        return outcomes(judged, receipts)


def kafka_settings(settings: Settings) -> KafkaSettings:
    """Return where Kafka is, with the settings of its file. Raises: SettingsInvalid."""
    if not settings.kafka_servers:
        raise SettingsInvalid(["SHELFGRAPH_KAFKA_SERVERS is not set: name the brokers, such as `kafka-1:9092,kafka-2:9092`"])
    return KafkaSettings(settings.kafka_servers, settings.kafka_topic, settings.kafka_group, _more(settings))


def _more(settings: Settings) -> dict[str, str]:
    if settings.kafka_config is None:
        return {}
    try:
        text = settings.kafka_config.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsInvalid([f"SHELFGRAPH_KAFKA_CONFIG cannot be read ({type(error).__name__})"]) from error
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.strip().startswith("#")]
    return {name.strip(): value.strip() for name, _, value in (line.partition("=") for line in lines)}
