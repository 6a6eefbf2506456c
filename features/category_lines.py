"""Merchandise lines as integer columns, category by category: what choices within a category are read from.

Products are numbered so that those of one category lie side by side; within a category lines are in the order of time. Products
without a category, but with a name, share a category of their own (""); those without either are left out.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from features.name_likeness import NameLikeness, name_likeness
from lake.ports import Lake

__all__ = ["ATTRIBUTES", "CategoryLines", "Shelf", "read_category_lines"]

ATTRIBUTES = ("product_type", "supplier_id", "brand", "size")
EPOCH = date(1970, 1, 1)


@dataclass(frozen=True, slots=True, eq=False)
class Shelf:
    """The lines of one category. Products are numbered from 0 within it; `first` is the number of its first product.

    `attributes` holds each product's codes (-1 unknown) in the order of `ATTRIBUTES`.
    """

    first: int
    products: int
    product: np.ndarray
    household: np.ndarray
    store: np.ndarray
    basket: np.ndarray
    day: np.ndarray
    units: np.ndarray
    net_sales: np.ndarray
    discount: np.ndarray
    attributes: np.ndarray
    names: NameLikeness


@dataclass(frozen=True, slots=True, eq=False)
class CategoryLines:
    """All lines up to `as_of`. `line_start` and `product_start` bound each category's lines and products."""

    as_of: date
    product_ids: pa.Array
    household_ids: pa.Array
    store_ids: pa.Array
    categories: tuple[str, ...]
    product_start: np.ndarray
    line_start: np.ndarray
    columns: dict[str, np.ndarray]
    attributes: np.ndarray
    names: NameLikeness

    @property
    def last_day(self) -> int:
        """`as_of` in days since 1970-01-01."""
        return (self.as_of - EPOCH).days

    @property
    def epoch(self) -> date:
        """Days are counted from here."""
        return EPOCH

    @property
    def first_day(self) -> int:
        """The first day with a line, in days since 1970-01-01; the day after `as_of` when there is none."""
        return int(self.columns["day"].min(initial=self.last_day + 1))

    def shelf(self, category: int) -> Shelf:
        """Return one category by its place in `categories`."""
        lines = slice(self.line_start[category], self.line_start[category + 1])
        first, last = int(self.product_start[category]), int(self.product_start[category + 1])
        part = {name: values[lines] for name, values in self.columns.items()}
        names = NameLikeness(self.names.vectors[first:last])
        return Shelf(
            first, last - first, part["product"] - first, part["household"], part["store"], part["basket"], part["day"],
            part["units"], part["net_sales"], part["discount"], self.attributes[first:last], names,
        )  # fmt: skip

    def place(self, product_id: str) -> tuple[int, int] | None:
        """Return the category of a product and its number within it; None for one that was not sold."""
        number = pc.index(self.product_ids, pa.scalar(product_id)).as_py()
        if number < 0:
            return None
        category = int(np.searchsorted(self.product_start, number, side="right")) - 1
        return category, number - int(self.product_start[category])


def read_category_lines(lake: Lake, as_of: date, categories: Collection[str] | None = None) -> CategoryLines:
    """Read what was bought of known categories on or before `as_of`. Later lines are never read. Raises: TableMissing."""
    products = _products(lake, categories)
    lines = lake.to_arrow(_lines(lake, products, as_of))
    described = lake.to_arrow(products.order_by("category", "product_id"))
    sold = pc.is_in(described["product_id"], value_set=pc.unique(lines["product_id"]))
    described = described.filter(sold).combine_chunks()
    names, product_start = _bounds(described["category"])
    product = pc.index_in(lines["product_id"].combine_chunks(), described["product_id"].combine_chunks()).to_numpy()
    category = np.searchsorted(product_start, product, side="right") - 1
    moment = pc.cast(lines["sold_at"], pa.int64()).to_numpy()
    _, basket = _codes(lines["basket_id"])
    order = np.lexsort((product, basket, moment, category))
    household_ids, household = _codes(lines["household_id"])
    store_ids, store = _codes(lines["store_id"])
    columns = {
        "product": product.astype(np.int64), "household": household, "store": store, "basket": basket,
        "day": pc.cast(lines["business_date"], pa.int32()).to_numpy().astype(np.int64),
        **{name: lines[name].to_numpy().astype(np.float64) for name in ("units", "net_sales", "discount")},
    }  # fmt: skip
    unnamed = pa.chunked_array([pc.if_else(pc.equal(described["category"].combine_chunks(), ""), None, "known")])
    return CategoryLines(
        as_of,
        described["product_id"].combine_chunks(),
        household_ids,
        store_ids,
        names,
        product_start,
        np.searchsorted(category[order], np.arange(len(names) + 1)),
        {name: values[order] for name, values in columns.items()},
        np.stack([_attribute(described[name]) for name in ATTRIBUTES], axis=1) if len(names) else np.zeros((0, 4), np.int64),
        name_likeness(described["name"], unnamed),
    )


def _products(lake: Lake, categories: Collection[str] | None) -> ir.Table:
    products = lake.table("products")
    name = products.name if "name" in products.columns else ibis.null("string")
    chosen = products.select("product_id", "category", *ATTRIBUTES, name=name)
    if categories is not None:
        chosen = chosen.filter(chosen.category.isin(sorted(categories)))
    known = chosen.filter(chosen.category.notnull() | chosen.name.notnull())
    return known.mutate(category=known.category.fill_null(""))


def _lines(lake: Lake, products: ir.Table, as_of: date) -> ir.Table:
    lines = lake.table("sales_lines")
    known = lines.filter((lines.business_date <= as_of) & lines.merchandise & (lines.quantity > 0) & lines.household_id.notnull())
    kept = known.semi_join(products, "product_id")
    return kept.group_by("product_id", "household_id", "store_id", "basket_id", "business_date").aggregate(
        sold_at=kept.sold_at.min(),
        units=kept.quantity.sum(),
        net_sales=kept.net_sales.sum(),
        discount=kept.retail_discount.fill_null(0.0).sum(),
    )


def _codes(column: pa.ChunkedArray) -> tuple[pa.Array, np.ndarray]:
    """Return the distinct values in ascending order, and each row's place among them."""
    values = pc.unique(column).sort()
    return values, pc.index_in(column, value_set=values).combine_chunks().to_numpy().astype(np.int64)


def _attribute(column: pa.ChunkedArray) -> np.ndarray:
    codes = pc.index_in(column, value_set=pc.unique(column.drop_null()).sort()).combine_chunks()
    return np.asarray(pc.fill_null(codes, -1).to_numpy(), dtype=np.int64)


def _bounds(categories: pa.ChunkedArray) -> tuple[tuple[str, ...], np.ndarray]:
    names = pc.unique(categories)
    place = pc.index_in(categories, value_set=names).to_numpy()
    return tuple(names.to_pylist()), np.searchsorted(place, np.arange(len(names) + 1))
