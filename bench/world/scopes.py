"""Where a truth is asked for: all of the chain, some stores, a season, or some households."""

from dataclasses import dataclass

import numpy as np

from bench.world.shoppers import Shoppers
from bench.world.sizes import SEASONS

__all__ = ["Scope", "chain", "of_households", "of_season", "of_stores"]


@dataclass(frozen=True, slots=True, eq=False)
class Scope:
    """A part of all trips: masks over stores, seasons and households (None: all)."""

    name: str
    stores: np.ndarray | None = None
    seasons: np.ndarray | None = None
    households: np.ndarray | None = None

    def trips(self, people: Shoppers, cluster_of_store: np.ndarray, season_share: np.ndarray) -> np.ndarray:
        """Return the expected trips a year within the scope: seasons x clusters x households."""
        stores = cluster_of_store.size
        visits = people.share_of_stores(stores) * people.trips_a_year[:, None]
        if self.stores is not None:
            visits = visits * self.stores
        if self.households is not None:
            visits = visits * self.households[people.number][:, None]
        share = season_share if self.seasons is None else season_share * self.seasons
        by_cluster = visits @ np.equal.outer(cluster_of_store, np.arange(cluster_of_store.max() + 1))
        return np.asarray(share[:, None, None] * by_cluster.T)


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
