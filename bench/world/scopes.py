"""Where a truth is asked for: all of the chain, some stores, a season, or some households."""

from dataclasses import dataclass

import numpy as np

from bench.world.chances import Chunk
from bench.world.sizes import SEASONS

__all__ = ["Scope", "chain", "of_households", "of_season", "of_stores"]


@dataclass(frozen=True, slots=True, eq=False)
class Scope:
    """A part of all trips: masks over stores, seasons and households (None: all)."""

    name: str
    stores: np.ndarray | None = None
    seasons: np.ndarray | None = None
    households: np.ndarray | None = None

    def trips(self, chunk: Chunk) -> np.ndarray:
        """Return the expected trips a year within the scope: seasons x 2 (own and second store) x households."""
        return chunk.trips(self.seasons, self.stores, self.households)


def chain() -> Scope:
    """Return the scope of everything."""
    return Scope("chain")


def of_season(season: str) -> Scope:
    """Return the scope of one of SEASONS."""
    return Scope(f"season:{season}", seasons=np.array([name == season for name in SEASONS]))


def of_stores(name: str, stores: np.ndarray) -> Scope:
    """Return the scope of the stores marked true."""
    return Scope(name, stores=stores)


def of_households(name: str, households: np.ndarray) -> Scope:
    """Return the scope of the households marked true."""
    return Scope(name, households=households)
