"""Products of the same type that a shopper could have looked at instead, as known on a day."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingest.simulate.draws import Codes, Flags, Floats, Keys, keys_of
from lake.ports import Lake

__all__ = ["Alternatives"]

_PRODUCTS = """
    SELECT product_id, concat_ws(' > ', department, category, product_type) AS type_path,
           coalesce(product_type, category, department) AS type_name, min(business_date) AS first_sold
    FROM products JOIN sales_lines USING (product_id) WHERE sales_lines.merchandise AND quantity > 0
    GROUP BY ALL ORDER BY type_path, first_sold, product_id
"""
_LONGEST_QUERY = 200
_DAY_BITS = 32


class Alternatives:
    """Sold products, coded 0, 1, … by type, first day of sales and id: a type's products known on a day are a run of codes."""

    def __init__(self, lake: Lake) -> None:
        rows = lake.sql(_PRODUCTS)
        self._ids = rows.column("product_id").combine_chunks()
        self.keys: Keys = keys_of(self._ids)
        type_code = np.asarray(rows.column("type_path").combine_chunks().dictionary_encode().indices).astype(np.int64)
        first_sold = np.asarray(rows.column("first_sold").cast(pa.int32())).astype(np.int64)
        self._type = type_code
        self._place = (type_code << _DAY_BITS) + first_sold
        plain = pc.replace_substring_regex(pc.utf8_lower(rows.column("type_name").combine_chunks()), r"[^\pL\pN]+", " ")
        self._words = pc.utf8_slice_codeunits(pc.utf8_trim_whitespace(plain), 0, _LONGEST_QUERY)
        self._has_words = np.asarray(pc.fill_null(pc.greater(pc.utf8_length(self._words), 0), fill_value=False), dtype=bool)

    def code(self, product_ids: pa.ChunkedArray) -> Codes:
        """Return the codes of sold products."""
        return np.asarray(pc.index_in(product_ids, value_set=self._ids)).astype(np.int64)

    def ids(self, codes: Codes) -> pa.Array:
        """Return the product ids of codes."""
        return self._ids.take(pa.array(codes))

    def words(self, codes: Codes) -> pa.Array:
        """Return what a shopper would type to find such products: the words of their type."""
        return self._words.take(pa.array(codes))

    def has_words(self, codes: Codes) -> Flags:
        """Return where there is anything to type."""
        return np.asarray(self._has_words[codes], dtype=bool)

    def pick(
        self,
        codes: Codes,
        day: Codes,
        draw: Floats,
    ) -> Codes:
        """Return for each code one product of its type that was sold before `day` (days since 1970); -1 where there is none."""
        type_code = self._type[codes]
        start = np.searchsorted(self._place, type_code << _DAY_BITS)
        known = np.searchsorted(self._place, (type_code << _DAY_BITS) + day) - start
        return np.where(known > 0, start + np.floor(draw * known).astype(np.int64), -1)
