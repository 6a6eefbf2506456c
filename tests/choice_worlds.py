"""Categories whose trips are written down or drawn, as the columns that choices are read from, without a lake."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
from scipy import sparse

from features.category_lines import ATTRIBUTES, CategoryLines
from features.name_likeness import NameLikeness

__all__ = ["EPOCH", "Bought", "lines_of"]

EPOCH = date(1970, 1, 1)
Bought = tuple[int, str, str, tuple[str, ...]]
"""Day (since 1970-01-01), household, store, products."""


def lines_of(
    categories: Mapping[str, Sequence[Bought]], last: int, attributes: Mapping[str, tuple[int, ...]] | None = None
) -> CategoryLines:
    """Return the trips by category up to `last`, in numbers. `attributes` gives codes by product; a unit costs 2.0, 0.5 less
    in the store "sale".
    """
    rows = []
    for place, name in enumerate(sorted(categories)):
        kept = sorted(trip for trip in categories[name] if trip[0] <= last)
        for basket, (day, household, store, products) in enumerate(kept):
            rows.extend((place, day, f"{name}{basket:06d}", product, household, store) for product in products)
    place, day, basket, product, household, store = map(np.array, zip(*rows, strict=True))
    names = sorted(categories)
    held = [sorted(set(product[place == at].tolist())) for at in range(len(names))]
    ids = [one for products in held for one in products]
    number = {one: at for at, one in enumerate(ids)}
    order = np.lexsort((np.array([number[one] for one in product]), basket, day, place))
    codes = {"household": household, "store": store, "basket": basket}
    columns = {name: np.unique(values, return_inverse=True)[1][order].astype(np.int64) for name, values in codes.items()}
    columns |= {"product": np.array([number[one] for one in product])[order], "day": day[order].astype(np.int64)}
    off = np.where(store[order] == "sale", 0.5, 0.0)
    columns |= {"units": np.ones(order.size), "net_sales": 2.0 - off, "discount": off}
    described = np.array([(attributes or {}).get(one, (-1,) * len(ATTRIBUTES)) for one in ids], dtype=np.int64)
    return CategoryLines(
        EPOCH + timedelta(days=last), pa.array(ids), pa.array(np.unique(household).tolist()), pa.array(np.unique(store).tolist()),
        tuple(names), np.cumsum([0, *map(len, held)]), np.searchsorted(place[order], np.arange(len(names) + 1)), columns,
        described, NameLikeness(sparse.csr_array((len(ids), 1))),
    )  # fmt: skip
