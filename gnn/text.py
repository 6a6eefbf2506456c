"""Texts as vectors: weighted character n-grams, folded into few columns.

Source of the folding: Weinberger et al., Feature hashing for large scale multitask learning, 2009.
"""

from collections.abc import Sequence
from zlib import crc32

import numpy as np
from scipy import sparse

__all__ = ["text_vectors"]

SIZES = (3, 4)
FOLDS = 4
"""Each n-gram adds to four columns, each with a sign of its own: texts without a common n-gram stay nearly at right angles."""


def text_vectors(texts: Sequence[str], columns: int) -> np.ndarray:
    """Return a unit vector (float32, texts x columns) for each text, zeros for an empty one. Equal texts get equal vectors.

    N-grams of 3 and 4 characters within words count by inverse document frequency over the distinct texts: products that
    differ only in size must not decide which words are common.
    """
    distinct, row = np.unique(np.asarray(texts, dtype=object).astype(str), return_inverse=True)
    grams = [sorted(set(_ngrams(text))) for text in distinct]
    vocabulary = {gram: place for place, gram in enumerate(sorted({gram for one in grams for gram in one}))}
    lengths = np.asarray([len(one) for one in grams], dtype=np.int64)
    place = np.asarray([vocabulary[gram] for one in grams for gram in one], dtype=np.int64)
    used = np.bincount(place, minlength=len(vocabulary))
    weight = np.log(1.0 + len(distinct) / np.maximum(used, 1))[place]
    indptr = np.r_[0, np.cumsum(lengths)]
    counts = sparse.csr_array((weight, place, indptr), shape=(len(distinct), max(len(vocabulary), 1)))
    folded = np.asarray((counts @ _folding(vocabulary, columns)).todense(), dtype=np.float64)
    length = np.linalg.norm(folded, axis=1, keepdims=True)
    return np.asarray(np.divide(folded, length, out=np.zeros_like(folded), where=length > 0)[row], dtype=np.float32)


def _ngrams(text: str) -> list[str]:
    padded = [f"^{word}$" for word in text.casefold().split()]
    return [word[at : at + size] for word in padded for size in SIZES for at in range(max(len(word) - size + 1, 1))]


def _folding(vocabulary: dict[str, int], columns: int) -> sparse.csr_array:
    """Return the signed columns of each n-gram (n-grams x columns)."""
    hashed = np.asarray(
        [[crc32(f"{fold}:{gram}".encode()) for fold in range(FOLDS)] for gram in vocabulary], dtype=np.int64
    ).reshape(-1, FOLDS)
    sign = np.where(hashed >> 16 & 1, 1.0, -1.0)
    row = np.repeat(np.arange(len(vocabulary)), FOLDS)
    shape = (max(len(vocabulary), 1), columns)
    return sparse.csr_array(sparse.coo_array((sign.ravel(), (row, (hashed % columns).ravel())), shape=shape))
