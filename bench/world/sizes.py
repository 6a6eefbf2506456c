"""How large a world is, and its calendar: one year of whole weeks that starts on a Monday."""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

__all__ = [
    "AS_OF",
    "DAYS",
    "FIRST_DAY",
    "LARGE",
    "MEDIUM",
    "SEASONS",
    "SIZES",
    "SMALL",
    "TENFOLD",
    "WEEKS",
    "WorldSize",
    "season_of_days",
    "stream",
]

FIRST_DAY = date(2023, 1, 2)
WEEKS = 52
DAYS = WEEKS * 7
AS_OF = FIRST_DAY + timedelta(days=DAYS - 1)
"""The last day of a world: the day its relations are asked as of."""

SEASONS = ("winter", "spring", "summer", "autumn")
"""Meteorological: winter is December to February."""


@dataclass(frozen=True, slots=True)
class WorldSize:
    """What a world holds.

    Args:
        name: its slice in results.
        households: shoppers.
        stores: shops; most trips go to a household's own.
        clusters: groups of stores with an assortment and a taste of their own.
        categories: of 12 to 44 products each, or as few as `smallest_category`.
        smallest_category: products of the smallest category.
        largest_category: products of the largest.
        occasions_per_trip: expected needs for something of a category on a trip of middling size and no special purpose.
        needs: purposes of trips that ask for several categories together.
        complements: planted ordered pairs of products.
        chunk: households that are simulated at a time: bounds the memory.
    """

    name: str
    households: int
    stores: int
    clusters: int
    categories: int
    smallest_category: int
    largest_category: int
    occasions_per_trip: float
    needs: int
    complements: int
    chunk: int = 2500


SMALL = WorldSize("small", 900, 12, 3, 15, 10, 18, 6.5, 4, 24)
MEDIUM = WorldSize("medium", 2500, 40, 4, 60, 14, 44, 12.5, 8, 64)
LARGE = WorldSize("large", 25_000, 200, 4, 60, 14, 44, 12.5, 8, 64)
TENFOLD = WorldSize("tenfold", 9000, 12, 3, 150, 10, 18, 6.5, 40, 240)
"""Ten times the households and the categories of SMALL: ten times the products, each of which sells as much."""
SIZES = {size.name: size for size in (SMALL, MEDIUM, LARGE, TENFOLD)}


def season_of_days() -> np.ndarray:
    """Return, for each day of the year from FIRST_DAY, its place in SEASONS."""
    days = np.datetime64(FIRST_DAY) + np.arange(DAYS)
    month = days.astype("datetime64[M]").astype(int) % 12 + 1
    return np.asarray(month % 12 // 3)


def stream(seed: int, name: str, *parts: int) -> np.random.Generator:
    """Return the random numbers of one purpose: those of one purpose never depend on how many another drew."""
    return np.random.default_rng([seed, *name.encode(), 0, *parts])
