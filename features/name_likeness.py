"""How alike products of no category are, by the words of their names: what a retailer without categories has in their place."""

import re
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from scipy import sparse

__all__ = ["LEAST_LIKENESS", "NameLikeness", "name_likeness"]

LEAST_LIKENESS = 0.3
"""Names below share hardly more than a colour: the products are of different kinds."""
WORD = re.compile(r"\w+", flags=re.UNICODE)


@dataclass(frozen=True, slots=True, eq=False)
class NameLikeness:
    """Unit vectors (float64) of rare and common words by position; zeros for products with a category or without a name."""

    vectors: sparse.csr_array

    def of(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Return the likeness of each pair of positions: 0 (no word in common, or not compared by name) to 1."""
        shared = self.vectors[first].multiply(self.vectors[second]).sum(axis=1)
        return np.round(np.asarray(shared, dtype=np.float64).reshape(-1), 9)

    def named(self) -> np.ndarray:
        """Return which products are compared by name."""
        return np.asarray(np.diff(self.vectors.indptr) > 0)


def name_likeness(names: pa.ChunkedArray, categories: pa.ChunkedArray) -> NameLikeness:
    """Return the likeness of products by the cosine of their words, weighted by inverse document frequency.

    Source: Sparck Jones, A statistical interpretation of term specificity and its application in retrieval, 1972.

    Args:
        names: what each product is called; null where it has no name.
        categories: null where the product has none: only those are compared by name.
    """
    rows = zip(names.to_pylist(), categories.to_pylist(), strict=True)
    words = [sorted(set(WORD.findall(name.lower()))) if name and category is None else [] for name, category in rows]
    vocabulary = {word: column for column, word in enumerate(sorted({word for one in words for word in one}))}
    indptr = np.cumsum([0, *(len(one) for one in words)])
    indices = np.asarray([vocabulary[word] for one in words for word in one], dtype=np.int64)
    used = np.bincount(indices, minlength=len(vocabulary))
    weight = np.log(1.0 + len(words) / np.maximum(used, 1))[indices]
    row = np.repeat(np.arange(len(words)), np.diff(indptr))
    length = np.sqrt(np.bincount(row, weight**2, minlength=len(words)))
    data = weight / length[row] if len(indices) else weight
    return NameLikeness(sparse.csr_array((data, indices, indptr), shape=(len(words), max(len(vocabulary), 1))))
