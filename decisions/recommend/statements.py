"""Safety statements of a release: one row for each product and attribute, each text read once however many products bear it."""

from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

import numpy as np
import pyarrow as pa

from decisions.recommend.contract import RuleCheck
from decisions.recommend.rules import Mask
from features.recommend_rules import STATEMENT_ROWS
from features.repertoire import IntArray
from features.safety_words import attribute_name

__all__ = ["STATEMENTS", "Stated", "Statements", "statements_of"]

STATEMENTS = "safety_statements"
Reading = TypeVar("Reading")
Stated = Mapping[str, pa.Table]
"""Rows of `recommend_statements` by the plain spelling of their attribute."""


def statements_of(table: pa.Table) -> Stated:
    """Return the statements of each attribute, sorted by product."""
    names = table["attribute"].combine_chunks().dictionary_encode()
    plain = np.array([attribute_name(name) for name in names.dictionary.to_pylist()], dtype=object)
    of_row = plain[names.indices.to_numpy()]
    return {name: table.filter(pa.array(of_row == name)).sort_by("product").combine_chunks() for name in np.unique(of_row)}


class Statements(Generic[Reading]):
    """What is stated on one attribute.

    An attribute that is spelt in two ways may be stated twice of one product: such statements are held against each other by
    nobody, so they are not readable.

    Args:
        rule: whose proofs they are.
        rows: the statements, sorted by product; None where there is none on the attribute.
        read: gives what a text says, None where it cannot be read.
        products: how many products there are.
    """

    def __init__(self, rule: str, rows: pa.Table | None, read: Callable[[str], Reading | None], products: int) -> None:
        rows = STATEMENT_ROWS.empty_table() if rows is None else rows
        self._rule, self._products = rule, products
        self._product = rows["product"].to_numpy().astype(np.int64)
        self._from, self._simulated = rows["valid_from"].to_pylist(), rows["simulated"].to_pylist()
        encoded = rows["statement"].combine_chunks().dictionary_encode()
        self._texts: list[str] = encoded.dictionary.to_pylist()
        self._text = encoded.indices.to_numpy().astype(np.int64)
        self.readings: tuple[Reading | None, ...] = tuple(read(text) for text in self._texts)
        """What each different text says."""
        same = self._product[1:] == self._product[:-1]
        once = ~(np.r_[False, same] | np.r_[same, False])[: len(self._product)]
        self._clear = once & np.array([self.readings[text] is not None for text in self._text], dtype=bool)

    def clear(self) -> tuple[IntArray, IntArray]:
        """Return the products whose statement can be read, and the place of its text in `readings`."""
        return self._product[self._clear], self._text[self._clear]

    def unclear(self) -> IntArray:
        """Return the products of which something is stated that cannot be read."""
        return np.asarray(self._product[~self._clear])

    def mask(self, of_text: Mask) -> Mask:
        """Return which products bear a readable text that is marked."""
        product, text = self.clear()
        found = np.zeros(self._products, dtype=bool)
        found[product[of_text[text]]] = True
        return found

    def check(self, product: int, *, passed: bool) -> RuleCheck:
        """Return what is stated of a product as the proof of a rule that it passed or not."""
        first, last = np.searchsorted(self._product, (product, product + 1))
        if first == last:
            return RuleCheck(self._rule, passed, "There is no statement on it.", STATEMENTS)
        rows = range(int(first), int(last))
        said = " and ".join(f"'{self._texts[self._text[row]]}'" for row in rows)
        how = "" if self._clear[first] else " That cannot be read, so nothing is known."
        day, simulated = max(self._from[row] for row in rows), any(self._simulated[row] for row in rows)
        return RuleCheck(self._rule, passed, f"It is stated: {said}.{how}", STATEMENTS, day, simulated)
