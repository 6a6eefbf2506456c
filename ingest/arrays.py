"""Arrow columns worked on by their distinct values: millions of rows cost what their few thousand values cost."""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["Mask", "by_value", "decoded", "encoded", "flat", "mask_of", "value_hashes"]

Mask: TypeAlias = npt.NDArray[np.bool_]
Hashes: TypeAlias = npt.NDArray[np.uint64]

NULL_HASH = np.uint64(0x9E3779B97F4A7C15)
MIX = np.uint64(0xBF58476D1CE4E5B9)


def flat(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    """Return the column as one array."""
    if isinstance(column, pa.Array):
        return column
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def mask_of(values: pa.Array | pa.ChunkedArray) -> Mask:
    """Return booleans as NumPy; null counts as false."""
    return np.asarray(pc.fill_null(flat(values), False).to_numpy(zero_copy_only=False), dtype=bool)  # noqa: FBT003 - Arrow takes it by place


def encoded(values: pa.Array) -> pa.DictionaryArray:
    """Return the values dictionary-encoded, without nulls in the dictionary."""
    if not pa.types.is_dictionary(values.type):
        return values.dictionary_encode()
    if values.dictionary.null_count == 0:
        return values
    # kernels look for nulls among the indices only
    valid = pc.take(pc.is_valid(values.dictionary), values.indices)
    indices = pc.if_else(valid, values.indices, pa.scalar(None, values.indices.type))
    return pa.DictionaryArray.from_arrays(indices, pc.fill_null(values.dictionary, _any_value(values.dictionary)))


def decoded(values: pa.Array) -> pa.Array:
    """Return the values without a dictionary."""
    return values.dictionary_decode() if pa.types.is_dictionary(values.type) else values


def by_value(values: pa.Array, test: Callable[[pa.Array], pa.Array]) -> Mask:
    """Return `test` of every row, worked out once per distinct value where the column is dictionary-encoded."""
    if not pa.types.is_dictionary(values.type):
        return mask_of(test(values))
    return mask_of(pc.take(test(values.dictionary), values.indices))


def value_hashes(values: pa.Array) -> Hashes:
    """Return 64 bits per row that depend on the value alone, equal across batches."""
    if pa.types.is_dictionary(values.type):
        per_value = _text_hashes(values.dictionary)
        indices = pc.fill_null(values.indices, len(per_value)).to_numpy(zero_copy_only=False)
        hashes: Hashes = np.append(per_value, NULL_HASH)[indices]
        return hashes
    if pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
        return value_hashes(values.dictionary_encode())
    return np.where(mask_of(pc.is_null(values)), NULL_HASH, _mixed(_bits(values)))


def _text_hashes(values: pa.Array) -> Hashes:

    return np.asarray(pd.util.hash_array(values.to_numpy(zero_copy_only=False).astype(object), categorize=False), dtype=np.uint64)


def _bits(values: pa.Array) -> Hashes:
    if pa.types.is_date32(values.type):
        values = values.cast(pa.int32())
    if pa.types.is_timestamp(values.type) or pa.types.is_integer(values.type) or pa.types.is_boolean(values.type):
        values = values.cast(pa.int64())
    numbers = pc.fill_null(values, 0).to_numpy(zero_copy_only=False)
    return np.ascontiguousarray(numbers).view(np.uint64)


def _mixed(bits: Hashes) -> Hashes:
    bits = (bits ^ (bits >> np.uint64(30))) * MIX
    return bits ^ (bits >> np.uint64(27))


def _any_value(values: pa.Array) -> pa.Scalar:
    present = values.drop_null()
    return present[0] if len(present) else pa.scalar("", values.type)
