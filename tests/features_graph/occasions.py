"""Edges of isBoughtWith between planted occasions: within each, products of several categories are bought together."""

from datetime import UTC, date, datetime
from functools import cache
from itertools import combinations

import numpy as np
import pyarrow as pa

AS_OF = date(2017, 6, 30)
RECORDED_AT = datetime(2026, 1, 1, tzinfo=UTC)
OCCASIONS = {
    "barbecue": ("Sausage", "Charcoal", "Salads/dips"),
    "kitchen": ("Flour", "Sugar", "Butter"),
    "morning": ("Bread", "Coffee", "Jam"),
}
PER_CATEGORY = 4


@cache
def products() -> dict[str, str]:
    """Category by product; the first letters of a product say its occasion."""
    return {
        f"{occasion[:4]}-{category[:3].lower()}-{number}": category
        for occasion, categories in OCCASIONS.items()
        for category in categories
        for number in range(PER_CATEGORY)
    }


def planted_pairs(seed: int = 3) -> list[tuple[str, str, float, int]]:
    """Pairs with the lower bound of their lift and their baskets: most within an occasion, few and weak ones across."""
    random = np.random.default_rng(seed)
    found = []
    for one, other in combinations(sorted(products()), 2):
        same = one[:4] == other[:4]
        if random.random() < (0.7 if same else 0.08):
            low = float(random.uniform(2.0, 5.0) if same else random.uniform(1.05, 1.3))
            found.append((one, other, low, int(random.integers(8, 60))))
    return found


def bought_with(pairs: list[tuple[str, str, float, int]], *, valid_from: date = AS_OF, last: date = AS_OF) -> pa.Table:
    """The pairs as edges in both directions, with their evidence."""
    both = [*pairs, *((other, one, low, events) for one, other, low, events in pairs)]
    sources, targets, lows, events = zip(*both, strict=True) if both else ((), (), (), ())
    count = len(both)
    return pa.table(
        {
            "source": pa.array(sources, pa.string()),
            "target": pa.array(targets, pa.string()),
            "strength": pa.array([low * 1.5 for low in lows], pa.float64()),
            "low": pa.array(lows, pa.float64()),
            "high": pa.array([low * 2 for low in lows], pa.float64()),
            "scope": pa.array(["chain"] * count, pa.string()),
            "events": pa.array(events, pa.int64()),
            "support": pa.array([number // 2 for number in events], pa.int64()),
            "first_observed": pa.array([date(2017, 1, 1 + number % 20) for number in events], pa.date32()),
            "last_observed": pa.array([last] * count, pa.date32()),
            "status": pa.array(["active"] * count, pa.string()),
            "valid_from": pa.array([valid_from] * count, pa.date32()),
            "valid_to": pa.nulls(count, pa.date32()),
        }
    )


def categories() -> pa.Table:
    """Product and category, as `features.needs` takes them."""
    return pa.table({"product_id": list(products()), "category": list(products().values())})
