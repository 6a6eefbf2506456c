"""Configurations of sources: a folder with `source.yaml` and one mapping file per feed."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

from ingest.age_limits import read_age_limits
from ingest.contract import shipped_contracts
from ingest.errors import ConfigurationInvalid, FeedUnknown, FeedUnmapped, SourceFolderMissing, SourceUnknown
from ingest.mapping import FeedMapping
from ingest.mapping_checks import check_zone
from ingest.mapping_files import known_keys, read_mapping
from ingest.plain_mapping import plain_mapping
from ingest.simulate.assumptions import Assumptions

__all__ = ["MAPPING_FOLDER", "SIMULATED", "SourceConfiguration", "load_source", "shipped_sources"]

MAPPING_FOLDER = Path(__file__).parent.parent / "mapping"
SIMULATED = "simulated"
"""The shipped source of feeds that a generator makes for another."""


@dataclass(frozen=True, slots=True)
class SourceConfiguration:
    """One retailer's files and how they are read."""

    name: str
    title: str
    currency: str
    business_zone: str
    simulated: bool
    folder: Path | None
    """Where the files lie; None until it is given."""
    feeds: tuple[FeedMapping, ...]
    assumptions: Assumptions = field(default_factory=Assumptions)
    """What the generator of missing feeds assumes of the retailer."""
    age_limits: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    """From which age on what is sold, by the name of a department, category or type."""
    only_file: Path | None = None
    """The file that all feeds are read from, where it was given itself."""

    def feed(self, name: str) -> FeedMapping:
        """Return one feed's mapping. Raises: FeedUnknown; FeedUnmapped, when the feed has a contract and no mapping here."""
        for mapping in self.feeds:
            if mapping.feed == name:
                return mapping
        known = tuple(mapping.feed for mapping in self.feeds)
        if name in {contract.feed for contract in shipped_contracts()}:
            raise FeedUnmapped(name, known)
        raise FeedUnknown(name, known)

    def reading(self, feed: str, path: Path | None = None) -> "SourceConfiguration":
        """Return the source with a mapping of `feed`: its own, or that of a file in the contract's own columns at `path`.

        Raises: FeedUnknown.
        """
        if any(mapping.feed == feed for mapping in self.feeds):
            return self
        return replace(self, feeds=(*self.feeds, plain_mapping(feed, path)))

    @property
    def files(self) -> tuple[str, ...]:
        """The names of all files that the source's feeds are read from, sorted."""
        return tuple(sorted({name for mapping in self.feeds for name in mapping.files}))

    def at(self, path: Path) -> "SourceConfiguration":
        """Return the same source with its files in the folder `path`, or with `path` as the one file that it is read from.

        Raises: SourceFolderMissing when one file is given for a source of several.
        """
        if not path.is_file():
            return replace(self, folder=path, only_file=None)
        if len(self.files) > 1:
            raise SourceFolderMissing(self.name, path, self.files)
        return replace(self, folder=None, only_file=path)

    def feed_at(self, feed: str, path: Path) -> tuple["SourceConfiguration", Path | None]:
        """Return the source with the files of one feed at `path`, and the file that stands in for the feed's own, if it is one.

        A file stands in for the feed's own; where the source has no folder, for the one file that the feed is read from. A feed
        that the source has no mapping for is read in its contract's own columns.
        Raises: FeedUnknown, SourceFolderMissing.
        """
        source = self.reading(feed, path)
        if path.is_dir():
            return source.at(path), None
        if source.folder is not None:
            return source, path
        return replace(source, feeds=(source.feed(feed),)).at(path), None

    def path(self, file: str) -> Path:
        """Return the path of one of the source's files. Raises: SourceFolderMissing."""
        if self.only_file is not None:
            return self.only_file
        if self.folder is None or not self.folder.is_dir():
            raise SourceFolderMissing(self.name, self.folder)
        return self.folder / file


def shipped_sources() -> tuple[str, ...]:
    """Return the names of the sources whose mappings come with the product."""
    return tuple(sorted(path.parent.name for path in MAPPING_FOLDER.glob("*/source.yaml")))


def load_source(name_or_path: str | Path, folder: Path | None = None) -> SourceConfiguration:
    """Return a shipped source by name, or one described in a folder of the user's own.

    `folder` says where the data files lie, or is the one file of a source that has one; without it the source's own location
    counts, if it has one.
    Raises: SourceUnknown, ConfigurationInvalid, SourceFolderMissing.
    """
    home = MAPPING_FOLDER / str(name_or_path)
    if str(name_or_path) not in shipped_sources():
        home = Path(name_or_path)
    if not (home / "source.yaml").is_file():
        raise SourceUnknown(str(name_or_path), shipped_sources())
    source = _read(home)
    return source if folder is None else source.at(folder)


def _read(home: Path) -> SourceConfiguration:
    try:
        document = known_keys("source", yaml.safe_load((home / "source.yaml").read_text(encoding="utf-8")))
        mappings = [read_mapping(path) for path in sorted(home.glob("*.yaml")) if path.name != "source.yaml"]
        source = SourceConfiguration(
            name=document["name"],
            title=document["title"],
            currency=document["currency"],
            business_zone=check_zone(document["business_time_zone"]),
            simulated=bool(document.get("simulated", False)),
            folder=_location(known_keys("location", document.get("location", {}))),
            feeds=tuple(mappings),
            assumptions=Assumptions.from_yaml(known_keys("simulation", document.get("simulation", {}))),
            age_limits=read_age_limits(document.get("age_limits", {})),
        )
        _check_pseudonyms(source)
    except (yaml.YAMLError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise ConfigurationInvalid(f"{home.name}/source.yaml", f"it lacks or misplaces {error}") from error
    return source


def _check_pseudonyms(source: SourceConfiguration) -> None:
    """Only a generator writes pseudonyms of its own; what a retailer delivers is the household's number. Raises: ValueError."""
    for mapping in source.feeds:
        pseudonyms = {item.name for item in mapping.contract.fields if item.pseudonym}
        for column in mapping.columns:
            if column.target in pseudonyms and column.transform != "pseudonym" and not source.simulated:
                raise ValueError(f"`transform: pseudonym` on {column.target} of {mapping.feed}")


def _location(entry: Mapping[str, Any]) -> Path | None:
    """A folder inside an installed package (found without importing it), or a path."""
    if "package" in entry:
        found = find_spec(entry["package"])
        if found is None or not found.submodule_search_locations:
            return None
        return Path(found.submodule_search_locations[0], str(entry.get("folder", "")))
    return Path(entry["path"]) if "path" in entry else None
