"""Placements: the named places of a shop's pages, what each shows and how much. A retailer's own come from a file."""

import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from decisions.recommend.checking import LARGEST_PLACEMENT
from decisions.recommend.contract import Placement, Surface
from decisions.recommend.errors import PlacementsUnreadable, UnknownPlacement

__all__ = ["DEFAULT_PLACEMENTS", "placements_named", "read_placements"]

DEFAULT_PLACEMENTS: Mapping[str, Placement] = MappingProxyType(
    {
        one.name: one
        for one in (
            Placement("home", Surface.HOUSEHOLD, 10),
            Placement("buy_again", Surface.BUY_AGAIN, 10),
            Placement("discover", Surface.DISCOVER, 10),
            Placement("trending", Surface.TRENDING, 10),
            Placement("cart", Surface.BASKET, 10),
            Placement("product", Surface.ITEM, 10),
        )
    }
)


def placements_named(names: tuple[str, ...], known: Mapping[str, Placement]) -> tuple[Placement, ...]:
    """Return the placements of these names. Raises: UnknownPlacement."""
    for name in names:
        if name not in known:
            raise UnknownPlacement(name, tuple(known))
    return tuple(known[name] for name in names)


def read_placements(path: Path) -> Mapping[str, Placement]:
    """Read `{"NAME": {"surface": "discover", "limit": 8}, …}`. Raises: PlacementsUnreadable."""
    try:
        plain = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise PlacementsUnreadable(path.name, "it is no JSON that can be read") from error
    if not isinstance(plain, dict) or not plain:
        raise PlacementsUnreadable(path.name, "it holds no placements by name")
    return MappingProxyType({name: _placement(path.name, name, value) for name, value in plain.items()})


def _placement(file: str, name: str, value: object) -> Placement:
    if not isinstance(value, dict) or set(value) != {"surface", "limit"}:
        raise PlacementsUnreadable(file, f"'{name[:80]}' needs `surface` and `limit`, and nothing else")
    surface, limit = value["surface"], value["limit"]
    if not isinstance(surface, str) or surface not in set(Surface) or surface == Surface.RERANK:
        raise PlacementsUnreadable(file, f"'{name[:80]}' names no surface of a page")
    if type(limit) is not int or not 1 <= limit <= LARGEST_PLACEMENT:
        raise PlacementsUnreadable(file, f"the limit of '{name[:80]}' is no number from 1 to {LARGEST_PLACEMENT}")
    return Placement(name, Surface(surface), limit)
