"""Events and evidence counted one trip at a time, over the lines of `event_world`."""

from collections import Counter, defaultdict
from datetime import date, timedelta
from itertools import product as product_of
from math import exp, floor, log, log2

from tests.features_relations.event_world import CLUSTERS, PRODUCTS, SEGMENTS

CLUSTER = dict(zip(*(column.to_pylist() for column in CLUSTERS.columns), strict=True))
SEGMENT = dict(zip(*(column.to_pylist() for column in SEGMENTS.columns), strict=True))
SEASON = ["winter", "winter", "spring", "spring", "spring", "summer", "summer", "summer", "autumn", "autumn", "autumn", "winter"]


def counted(rows: list[dict], as_of: date) -> list[dict]:
    return [row for row in rows if row["business_date"] <= as_of and row["merchandise"] and row["quantity"] > 0]


def shops_of(row: dict) -> list[str]:
    return ["chain", f"store_cluster:{CLUSTER[row['store_id']]}", f"store:{row['store_id']}"]


def gaps_by_hand(rows: list[dict], as_of: date) -> dict[tuple[str, str, str, date], tuple[date | None, float, int, float]]:
    """For (kind, scope, product, first day without): the last day without, expected baskets, former buyers, and the chance."""
    known = [row for row in counted(rows, as_of) if PRODUCTS[row["product_id"]][1] is not None]
    found, compared = {}, defaultdict(int)
    for scope in sorted({scope for row in known for scope in shops_of(row)}):
        here = [row for row in known if scope in shops_of(row)]
        visits = {row["basket_id"]: row["business_date"] for row in here}
        for product in sorted({row["product_id"] for row in here}):
            own = [row for row in here if row["product_id"] == product]
            days = sorted({row["business_date"] for row in own})
            for day, after in zip(days, [*days[1:], None], strict=True):
                kind = "delisting" if after is None else "absence"
                compared[kind, scope.split(":")[0]] += 1
                judged = judge(own, visits, day, after, as_of)
                if judged is not None and not (after is None and scope.startswith("store:")):
                    end = None if after is None else after - timedelta(days=1)
                    found[kind, scope, product, day + timedelta(days=1)] = (end, *judged)
    return {key: event for key, event in found.items() if key in discoveries(found, compared)}


def discoveries(found: dict, compared: dict[tuple[str, str], int]) -> set:
    """Return the events kept so that a tenth of each kind and kind of scope is chance's at most (Benjamini and Hochberg)."""
    kept = set()
    for (kind, part), judged in compared.items():
        ranked = sorted((event[-1], key) for key, event in found.items() if (key[0], key[1].split(":")[0]) == (kind, part))
        passed = [rank for rank, (chance, _) in enumerate(ranked, 1) if chance <= 0.1 * rank / judged]
        kept |= {key for _, key in ranked[: max(passed, default=0)]}
    return kept


def judge(
    own: list[dict], visits: dict[str, date], day: date, after: date | None, as_of: date
) -> tuple[float, int, float] | None:
    """Return expected baskets, former buyers and chance of a gap that is long enough, else None."""
    without = ((after or as_of + timedelta(days=1)) - day).days - 1
    if (day - min(visits.values())).days < 90 or without < (28 if after is None else 14):
        return None
    before = [row for row in own if 0 <= (day - row["business_date"]).days < 91]
    weeks = {(day - row["business_date"]).days // 7 for row in before}
    if len(weeks) < 11:
        return None
    trips = sum(0 <= (day - on).days < 91 for on in visits.values())
    missed = sum(on > day and (after is None or on < after) for on in visits.values())
    # those of the last day begin the gap: one basket less
    baskets = min(len(before) - 1, -log((13 - len(weeks) + 0.5) / 14) * 13)
    chance = (1 + missed / trips) ** -baskets
    if after is not None and chance > 1e-4:
        return None
    buyers = defaultdict(int)
    for row in own:
        buyers[row["household_id"]] += 0 <= (day - row["business_date"]).days < 182
    return baskets * missed / trips, sum(times >= 2 for times in buyers.values()), chance


def trips_by_hand(rows: list[dict], as_of: date) -> list[dict]:
    """Return the trips in the order of time, each with its products and its scopes."""
    baskets = defaultdict(list)
    for row in counted(rows, as_of):
        baskets[row["basket_id"]].append(row)
    trips = []
    for lines in baskets.values():
        one, products = lines[0], {row["product_id"] for row in lines}
        scopes = ["chain", f"store_cluster:{CLUSTER[one['store_id']]}", f"season:{SEASON[one['business_date'].month - 1]}"]
        if one["household_id"] in SEGMENT:
            scopes.append(f"segment:{SEGMENT[one['household_id']]}")
        trips.append(
            {"household": one["household_id"], "day": one["business_date"], "products": products, "scopes": scopes,
             "order": (one["business_date"], one["sold_at"], one["basket_id"]), "stratum": min(floor(log2(len(products))), 6)}
        )  # fmt: skip
    return sorted(trips, key=lambda trip: trip["order"])


def chance_by_hand(occasions: list[dict]) -> dict[tuple[str, str, str], float]:
    """Return what chance brings together for (first, second, scope).

    An occasion has a cell, scopes, and the parts that each product takes of its first and of its second end.
    """
    number, amount, sold = defaultdict(int), defaultdict(float), defaultdict(float)
    for one in occasions:
        for scope in one["scopes"]:
            number[one["cell"], scope] += 1
        for end, product, part in ((at, *taken) for at in (0, 1) for taken in one["ends"][at].items()):
            amount[one["cell"], end, product] += part
            for scope in one["scopes"]:
                sold[end, product, scope] += part
    by_cell = defaultdict(lambda: ({}, {}))
    for (cell, end, product), value in amount.items():
        by_cell[cell][end][product] = value / number[cell, "chain"]
    usual, base = defaultdict(float), defaultdict(float)
    for (cell, scope), times in number.items():
        for end, product, rate in ((at, *taken) for at in (0, 1) for taken in by_cell[cell][at].items()):
            usual[end, product, scope] += rate * times
        for (first, rate), (second, other) in product_of(*(ends.items() for ends in by_cell[cell])):
            base[first, second, scope] += rate * other * times
    factor = {key: value / usual[key] for key, value in sold.items()}
    return {
        (first, second, scope): value * factor[0, first, scope] * factor[1, second, scope]
        for (first, second, scope), value in base.items()
        if (0, first, scope) in factor and (1, second, scope) in factor
    }


def baskets_by_hand(trips: list[dict]) -> tuple[dict, dict]:
    """Return, for (source, target, scope): the trips with both, and what chance would bring together."""
    met = defaultdict(list)
    for trip in trips:
        for first in trip["products"]:
            for second in trip["products"]:
                for scope in trip["scopes"]:
                    if first < second:
                        met[first, second, scope].append(trip)
    occasions = [
        {
            "cell": (trip["household"], trip["stratum"]),
            "scopes": trip["scopes"],
            "ends": [dict.fromkeys(trip["products"], 1.0)] * 2,
        }
        for trip in trips
    ]
    return met, chance_by_hand(occasions)


def switches_by_hand(trips: list[dict]) -> tuple[dict, dict]:
    """Return, for (left, taken, scope): the weights of the transitions with their households and days, and the chance."""
    latest, occasions, moved = {}, [], defaultdict(list)
    for trip in trips:
        for category in {PRODUCTS[name][1] for name in trip["products"]} - {None}:
            held = [name for name in trip["products"] if PRODUCTS[name][1] == category]
            parts = {name: 1 / len(held) for name in held}
            cell = (trip["household"], category)
            if cell in latest:
                occasions.append({"cell": cell, "scopes": trip["scopes"], "ends": (latest[cell], parts)})
                for left, share in latest[cell].items():
                    for taken, part in parts.items():
                        for scope in trip["scopes"]:
                            if left != taken:
                                moved[left, taken, scope].append((share * part, trip["household"], trip["day"]))
            latest[cell] = parts
    return moved, chance_by_hand(occasions)


def households_by_hand(trips: list[dict]) -> dict[tuple[str, str, str], tuple[int, int, float, float]]:
    """Return, for (source, target, scope): households with both, of these never together, the same by chance, both by chance."""
    visits, taken, together, active = (Counter() for _ in range(4))
    for trip in trips:
        for at in ((scope, trip["household"]) for scope in trip["scopes"]):
            visits[at] += 1
            active.update((at, category) for category in {PRODUCTS[name][1] for name in trip["products"]})
            taken.update((at, name) for name in trip["products"])
            together.update((at, *pair) for pair in product_of(trip["products"], trip["products"]))
    strata = defaultdict(set)
    for (at, category), purchases in active.items():
        strata[at[0], category, floor(log2(purchases))].add(at)
    found = {}
    for first, second, scope in ((*pair, scope) for pair in pairs_of_a_category() for scope in {at[0] for at in visits}):
        both = [at for at in visits if at[0] == scope and taken[at, first] and taken[at, second]]
        apart = sum(not together[at, first, second] for at in both)
        chance = sum(exp(-taken[at, first] * taken[at, second] / visits[at]) for at in both)
        alike = [people for key, people in strata.items() if key[:2] == (scope, PRODUCTS[first][1])]
        with_each = [[sum(taken[at, name] > 0 for at in people) for name in (first, second)] for people in alike]
        expected = sum(one * other / len(people) for (one, other), people in zip(with_each, alike, strict=True))
        found[first, second, scope] = (len(both), apart, chance, expected)
    return found


def pairs_of_a_category() -> list[tuple[str, str]]:
    return [(a, b) for a in PRODUCTS for b in PRODUCTS if a < b and PRODUCTS[a][1] == PRODUCTS[b][1] is not None]
