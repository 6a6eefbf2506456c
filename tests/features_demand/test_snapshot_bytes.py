"""A snapshot is named by its content, whatever an engine left beneath the nulls of a column."""

from datetime import date

import numpy as np
import pyarrow as pa
import pytest

from features import publish_features

DAY = date(2024, 1, 7)


def with_remnants(kind: pa.DataType, seed: int) -> pa.Array:
    """Return 20 values of which every third is null, and random bytes beneath these."""
    held = np.arange(20, dtype=kind.to_pandas_dtype() if not pa.types.is_temporal(kind) else f"int{kind.bit_width}")
    held[::3] = np.random.default_rng(seed).integers(1, 100, len(held[::3]))
    valid = pa.array(np.arange(20) % 3 > 0)
    storage = pa.array(held)
    return pa.Array.from_buffers(kind, 20, [valid.buffers()[1], storage.buffers()[1]])


@pytest.mark.parametrize("kind", [pa.float64(), pa.float32(), pa.int64(), pa.int8(), pa.date32(), pa.timestamp("us", "UTC")])
def test_equal_columns_are_published_once(tmp_path, kind):
    one, other = (pa.table({"value": with_remnants(kind, seed), "name": ["x", None] * 10}) for seed in (1, 2))
    assert one.equals(other)
    first, second = (publish_features(tmp_path, DAY, {"known": table}) for table in (one, other))
    assert first.id == second.id
    assert first.table("known").equals(one)
    assert first.table("known").schema == one.schema


def test_other_nulls_are_another_content(tmp_path):
    values = [1.0, None, 0.0]
    ids = {
        publish_features(tmp_path, DAY, {"known": pa.table({"value": pa.array(one)})}).id for one in (values, [1.0, 0.0, None])
    }
    assert len(ids) == 2
