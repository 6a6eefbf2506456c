"""What an ingest is made from, for the register of runs: every file by content, every contract and mapping by version."""

from collections.abc import Iterable
from pathlib import Path

from ingest.entities import entity_files
from ingest.mapping import FeedMapping
from ingest.sources.configuration import SourceConfiguration
from ingest.sources.files import file_digest
from kit.canonical import digest_of_bytes

__all__ = ["source_inputs"]


def source_inputs(source: SourceConfiguration, feeds: Iterable[FeedMapping], file: Path | None = None) -> dict[str, str]:
    """Return `file:NAME` to SHA-256 and size in bytes, `contract:FEED` to its version, `mapping:FEED` to the SHA-256 of its YAML.

    `file` stands in for the feed's own. A file that is not there is said to be missing: the run that needs it will fail.
    Raises: SourceFolderMissing.
    """
    found: dict[str, str] = {}
    for mapping in feeds:
        found[f"contract:{mapping.feed}"] = mapping.contract.version
        found[f"mapping:{mapping.feed}"] = digest_of_bytes(mapping.text.encode())
        for path in entity_files(source, mapping, file):
            if f"file:{path.name}" not in found:
                found[f"file:{path.name}"] = _file(path)
    return dict(sorted(found.items()))


def _file(path: Path) -> str:
    return f"{file_digest(path)} ({path.stat().st_size} bytes)" if path.is_file() else "missing"
