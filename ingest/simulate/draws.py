"""Random numbers that belong to a key: the same key gives the same draw, whatever else is simulated.

A stream of random numbers would shift when a row is added, and tomorrow's sales would change yesterday's simulated stock.
Here each draw is a hash of the seed, its purpose and the keys of its row.

Source: the finaliser of SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
"""

from typing import TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa
from scipy.special import ndtri

__all__ = ["Codes", "Draws", "Flags", "Floats", "Keys", "keys_of"]

Keys: TypeAlias = "np.ndarray[tuple[int, ...], np.dtype[np.uint64]]"
Codes: TypeAlias = "np.ndarray[tuple[int, ...], np.dtype[np.int64]]"
Flags: TypeAlias = "np.ndarray[tuple[int, ...], np.dtype[np.bool_]]"
Floats: TypeAlias = "np.ndarray[tuple[int, ...], np.dtype[np.float64]]"

_HASH_KEY = "shelfgraph-draws"
_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)


class Draws:
    """Draws of one seed."""

    def __init__(self, seed: int) -> None:
        self._seed = np.uint64(seed)

    def uniform(self, purpose: str, *keys: Keys) -> Floats:
        """Return draws from [0, 1), one for each row of the broadcast keys."""
        state = keys_of(pa.array([purpose]))[0] ^ self._seed
        with np.errstate(over="ignore"):
            mixed = np.asarray(_mixed(np.asarray(state + _GAMMA)))
            for key in keys:
                mixed = _mixed((mixed ^ key) + _GAMMA)
        return np.asarray((mixed >> np.uint64(11)).astype(np.float64) * 2.0**-53)

    def normal(self, purpose: str, *keys: Keys) -> Floats:
        """Return standard normal draws, cut at about 8 deviations."""
        return np.asarray(ndtri(np.clip(self.uniform(purpose, *keys), 1e-15, 1 - 1e-15)))


def keys_of(values: pa.Array | pa.ChunkedArray) -> Keys:
    """Return a key for each string, the same on every machine; each distinct string is hashed once."""
    array = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    encoded = array.dictionary_encode()
    names = np.asarray(encoded.dictionary.to_pylist(), dtype=object)
    hashed = np.asarray(pd.util.hash_array(names, hash_key=_HASH_KEY, categorize=False), dtype=np.uint64)
    return np.asarray(hashed[np.asarray(encoded.indices)], dtype=np.uint64)


def _mixed(state: Keys) -> Keys:
    state = (state ^ (state >> np.uint64(30))) * _FIRST
    state = (state ^ (state >> np.uint64(27))) * _SECOND
    return state ^ (state >> np.uint64(31))
