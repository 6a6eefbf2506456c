"""What a safety statement says: a small grammar, in which whatever cannot be read says nothing.

    statement = "none" | part { ";" part }
    part      = word ":" name { "," name }

Case and space do not count. `allergens` knows the words `contains`, `may contain` and `free from` (or with "_"), `diet` knows
`suitable for` and `not suitable for`; `minimum_age` is a whole number of years, perhaps with "+" or "years", or `none`.
"""

import re
from dataclasses import dataclass

__all__ = ["ALLERGENS", "DIET", "LISTED_ALLERGENS", "MINIMUM_AGE", "AllergenStatement", "DietStatement"]
__all__ += ["allergen_name", "attribute_name", "plain_name", "read_allergens", "read_diet", "read_minimum_age", "readable"]

ALLERGENS, DIET, MINIMUM_AGE = "allergens", "diet", "minimum_age"
LISTED_ALLERGENS = frozenset(
    [
        "celery",
        "crustaceans",
        "eggs",
        "fish",
        "gluten",
        "lupin",
        "milk",
        "molluscs",
        "mustard",
        "nuts",
        "peanuts",
        "sesame",
        "soybeans",
        "sulphites",
    ]
)
"""The fourteen that a label in the European Union must name (Regulation 1169/2011, Annex II)."""
SAME = {
    "egg": "eggs", "soy": "soybeans", "soya": "soybeans", "soybean": "soybeans", "peanut": "peanuts", "tree nuts": "nuts",
    "sulfites": "sulphites", "mollusc": "molluscs", "crustacean": "crustaceans", "sesame seeds": "sesame",
}  # fmt: skip
PART_OF = {
    **dict.fromkeys(("wheat", "rye", "barley", "oats", "spelt"), "gluten"),
    **dict.fromkeys(("almonds", "hazelnuts", "walnuts", "cashews", "pecans", "pistachios", "brazil nuts", "macadamias"), "nuts"),
    "lactose": "milk",
}
"""Whatever holds the first holds the second; to be free of the first does not mean to be free of the second."""
NONE = "none"
CONTAINS, TRACES, FREE = "contains", "may contain", "free from"
SUITS, SUITS_NOT = "suitable for", "not suitable for"
AGE = re.compile(r"(\d{1,2}) ?(?:\+|years)?")


@dataclass(frozen=True, slots=True)
class AllergenStatement:
    """What is in a product or may be, and what is stated not to be. `complete`: no other of the fourteen is in it."""

    present: frozenset[str]
    absent: frozenset[str]
    complete: bool

    @property
    def stated_absent(self) -> frozenset[str]:
        """The allergens, as `allergen_name` gives them, of which the statement says that they are not in the product."""
        listed = LISTED_ALLERGENS if self.complete else frozenset()
        return (self.absent | listed) - self.present


@dataclass(frozen=True, slots=True)
class DietStatement:
    """The diets that a product meets, and those that it does not."""

    met: frozenset[str]
    unmet: frozenset[str]

    @property
    def stated_met(self) -> frozenset[str]:
        """The diets, as `plain_name` gives them, that it is stated to meet and not stated not to."""
        return self.met - self.unmet


def plain_name(text: str) -> str:
    """Return a name without differences of case, space and underscores."""
    return " ".join(text.replace("_", " ").casefold().split())


def attribute_name(text: str) -> str:
    """Return what a statement is on, by the name that attributes are compared by."""
    return plain_name(text).replace(" ", "_")


def allergen_name(text: str) -> str:
    """Return an allergen by the name that statements are compared by."""
    name = plain_name(text)
    return SAME.get(name, name)


def read_allergens(statement: str) -> AllergenStatement | None:
    """Return what a statement on allergens says; None where it cannot be read.

    `contains` lists all of the fourteen that are in the product, so that the rest of them is absent, unless it names something
    that is neither one of them nor known to belong to one: who writes `contains: dairy` may mean any of them.
    """
    if plain_name(statement) == NONE:
        return AllergenStatement(frozenset(), frozenset(), complete=True)
    parts = _parts(statement, (CONTAINS, TRACES, FREE))
    if parts is None:
        return None
    named = {word: frozenset(allergen_name(name) for name in names) for word, names in parts.items()}
    listed = named.get(CONTAINS, frozenset()) | named.get(TRACES, frozenset())
    present = listed | {PART_OF[name] for name in listed if name in PART_OF}
    understood = all(name in LISTED_ALLERGENS or name in PART_OF for name in listed)
    return AllergenStatement(present, named.get(FREE, frozenset()), complete=CONTAINS in named and understood)


def read_diet(statement: str) -> DietStatement | None:
    """Return what a statement on diets says; None where it cannot be read."""
    if plain_name(statement) == NONE:
        return DietStatement(frozenset(), frozenset())
    parts = _parts(statement, (SUITS, SUITS_NOT))
    if parts is None:
        return None
    return DietStatement(frozenset(parts.get(SUITS, ())), frozenset(parts.get(SUITS_NOT, ())))


def read_minimum_age(statement: str) -> int | None:
    """Return from which age on a product may be sold, 0 for everybody; None where it cannot be read."""
    name = plain_name(statement)
    if name == NONE:
        return 0
    found = AGE.fullmatch(name)
    return int(found.group(1)) if found else None


def readable(attribute: str, statement: str) -> bool:
    """Return whether a statement says something. Of an attribute that has no grammar here any words do."""
    readers = {ALLERGENS: read_allergens, DIET: read_diet, MINIMUM_AGE: read_minimum_age}
    reader = readers.get(attribute_name(attribute))
    return reader is None or reader(statement) is not None


def _parts(statement: str, words: tuple[str, ...]) -> dict[str, tuple[str, ...]] | None:
    """Return the names after each word; None where a part has no known word, names nothing, or a word comes twice."""
    parts: dict[str, tuple[str, ...]] = {}
    for part in statement.split(";"):
        word, colon, rest = (plain_name(piece) for piece in part.partition(":"))
        names = tuple(plain_name(name) for name in rest.split(","))
        if not colon or word not in words or word in parts or not all(names) or ":" in rest:
            return None
        parts[word] = names
    return parts
