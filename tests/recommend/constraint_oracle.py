"""What must not be shown, in plain Python over meanings: written another way than the rules that it judges."""

from decisions.recommend.contract import RecommendationRequest
from decisions.recommend.live import LiveFacts
from tests.recommend.constraint_world import HOUSEHOLDS, REQUIREMENTS, STORES, household

FOURTEEN = {
    "celery", "crustaceans", "eggs", "fish", "gluten", "lupin", "milk", "molluscs", "mustard", "nuts", "peanuts", "sesame",
    "soybeans", "sulphites",
}  # fmt: skip
PLAIN = {"Tree Nuts": "nuts", "Soy": "soybeans", "MILK": "milk", "Vegan": "vegan"}
USUAL_AGE_DAYS = 14
OWN_STORE = {household(n): STORES[n % 3] for n in range(HOUSEHOLDS)}


def broken_rules(shop, asked: RecommendationRequest, live: LiveFacts, name: str, *, replaces: bool) -> set[str]:
    """Return the names of all rules that forbid to show a product."""
    meaning, bounds = shop.meanings[name], asked.constraints
    store = store_of(shop, asked, live)
    forbidden = {
        "in_range": not (meaning.in_graph and meaning.merchandise),
        "basket": name in asked.basket or name in live.carted,
        "excluded": name in asked.exclude,
        "in_stock": stock_forbids(meaning.stock.get(store), name, bounds, live),
        "priced": bounds.priced_only and "" not in meaning.priced_in and store not in meaning.priced_in,
        "allergens": not all(is_absent(meaning, allergen) for allergen in bounds.without_allergens),
        "diet": any(PLAIN.get(diet, diet) not in meaning.diets for diet in bounds.diets),
        "age": meaning.least_age > (bounds.age_years or 0),
        "never_substitute": replaces and may_not_replace(shop, name, asked.product_id),
    }
    return {rule for rule, broken in forbidden.items() if broken}


def store_of(shop, asked: RecommendationRequest, live: LiveFacts) -> str | None:
    """The store that is named, or the one where a household shops that may be known."""
    if asked.store_id is not None or asked.household_id is None:
        return asked.store_id
    return OWN_STORE[asked.household_id] if may_be_known(shop, asked.household_id, asked.purpose, live) else None


def is_absent(meaning, allergen: str) -> bool:
    wanted = PLAIN.get(allergen, allergen)
    if meaning.contained is None or wanted in meaning.contained:
        return False
    return wanted in meaning.stated_free or (meaning.lists_all and wanted in FOURTEEN)


def stock_forbids(known, name: str, bounds, live: LiveFacts) -> bool:
    if name in live.out_of_stock:
        return True
    if name in live.back_in_stock:
        return False
    largest = USUAL_AGE_DAYS if bounds.largest_stock_age_days is None else bounds.largest_stock_age_days
    if known is None or known[1] > largest:
        return bounds.in_stock_only
    return known[0] == 0


def may_not_replace(shop, name: str, anchor: str) -> bool:
    if (name, anchor) in shop.never or (name, anchor) in shop.requires or (anchor, name) in shop.requires:
        return True
    wanted = REQUIREMENTS.get(shop.meanings[anchor].category, ())
    return any(attribute not in shop.meanings[name].says for attribute in wanted)


def may_be_known(shop, household_id: str, purpose: str, live: LiveFacts) -> bool:
    return purpose not in live.withdrawn and shop.consents.get((household_id, purpose), False)
