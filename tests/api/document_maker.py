"""Documents drawn from the schema itself: fields, aliases, fragments, inline fragments, arguments, variables, directives.

Nothing here names a field of an answer, so a field that is added is drawn too.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    get_named_type,
    is_leaf_type,
    is_required_argument,
)
from hypothesis import strategies as st

__all__ = ["MadeDocument", "documents"]

HOUSEHOLDS = ["hh_a", "hh_b", "nobody", ""]
PRODUCTS = ["P007", "P011", "P059", "UHJvZHVjdDpQMDA3", "P012", "nope"]
ARGUMENTS: dict[str, tuple[str, list[Any]]] = {
    "first": ("Int!", [2, 1, 3, 2, 3, 1, 101, 0]),
    "after": ("String", [None, None, None, "bad"]),
    "householdId": ("ID", [None, *HOUSEHOLDS]),
    "productId": ("ID!", PRODUCTS),
    "id": ("ID!", [*PRODUCTS, "U3VwcGxpZXI6czE"]),
    "basket": ("[ID!]", [None, [], ["P001"], ["P002", "P001"]]),
    "surface": ("Surface!", ["HOUSEHOLD", "ITEM", "TRENDING"]),
    "discoveryShare": ("Float", [None, 0.0, 0.25]),
    "context": ("ContextInput", [None, {"hour": 9, "device": "kiosk"}]),
    "constraints": ("ConstraintsInput", [None, {"diets": ["vegan"], "inStockOnly": True}]),
    "placements": ("[String!]!", [["home"], ["home", "cart"], ["cart"], ["nowhere"], []]),
    "visit": ("VisitInput", [None, {"householdId": "hh_a", "basket": ["P001"]}]),
    "text": ("String!", ["milk", "zzz"]),
}
"""What arguments are given; those of other names are left out."""
ROOTS = ("recommendations", "recommendationPage", "whyNotRecommended", "product", "substitutes", "complements", "node", "health",
         "products", "search")  # fmt: skip
DEEPEST = 6


@dataclass(frozen=True)
class MadeDocument:
    """A document and the variables that go with it."""

    text: str
    variables: dict[str, Any]


@st.composite
def documents(draw: Callable[..., Any], schema: GraphQLSchema, roots: tuple[str, ...] = ROOTS) -> MadeDocument:
    """Return a document that is valid but for what only a whole look at it shows."""
    return _Maker(schema, draw, roots).document()


@dataclass
class _Maker:
    schema: GraphQLSchema
    draw: Callable[..., Any]
    roots: tuple[str, ...] = ROOTS
    names: int = 0
    declared: list[str] = field(default_factory=list)
    variables: dict[str, Any] = field(default_factory=dict)
    fragments: list[str] = field(default_factory=list)

    def document(self) -> MadeDocument:
        query = self.schema.query_type
        assert query is not None
        body = " ".join(self.field(query, name, DEEPEST) for name in self.some(self.roots, 1, 3))
        declared = f"({', '.join(self.declared)})" if self.declared else ""
        return MadeDocument(" ".join([f"query Q{declared} {{ {body} }}", *self.fragments]), self.variables)

    def field(self, parent: GraphQLObjectType | GraphQLInterfaceType, name: str, depth: int) -> str:
        definition = parent.fields[name]
        kind = get_named_type(definition.type)
        leaf = is_leaf_type(kind)
        alias = f"{self.name('a')}: " if not leaf or self.maybe() else ""
        asked = f"{alias}{name}{self.arguments(definition)}{self.directives()}"
        if leaf:
            return asked
        text = f"{asked} {{ {self.selections(kind, depth - 1)} }}"
        if self.maybe(6):  # the same once more with another selection: both are merged
            text += f" {asked} {{ {self.selections(kind, min(depth - 1, 1))} }}"
        return text

    def selections(self, kind: GraphQLNamedType, depth: int) -> str:
        return " ".join(self.selection(kind, depth) for _ in range(self.draw(st.integers(1, 4))))

    def selection(self, kind: GraphQLNamedType, depth: int) -> str:
        possible = self.possible(kind)
        what = self.draw(st.integers(0, 9))
        if what == 0:
            return f"{self.name('t')}: __typename{self.directives()}"
        if what == 1 or isinstance(kind, GraphQLUnionType):
            # the first of a union is the answer, the others are what may stand in its way
            on = possible[0] if self.maybe() else self.one(possible)
            condition = f" on {on.name}" if on is not kind or self.maybe() else ""
            return f"...{condition}{self.directives()} {{ {self.own(on, depth)} }}"
        if what == 2:
            on, name = possible[0] if self.maybe() else self.one(possible), self.name("F")
            self.fragments.append(f"fragment {name} on {on.name} {{ {self.own(on, depth)} }}")
            return f"...{name}{self.directives()}" + (f" ...{name}" if self.maybe() else "")
        return self.own(kind, depth)

    def own(self, kind: GraphQLNamedType, depth: int) -> str:
        """Return one to three fields of a type, leaves alone where it gets deep."""
        if isinstance(kind, GraphQLUnionType):
            return "__typename"
        assert isinstance(kind, GraphQLObjectType | GraphQLInterfaceType)
        fields = [name for name, one in kind.fields.items() if depth > 0 or is_leaf_type(get_named_type(one.type))]
        if not fields:
            return "__typename"
        deeper = [name for name in fields if not is_leaf_type(get_named_type(kind.fields[name].type))]
        chosen = self.some(fields, 1, 3) if not deeper or self.maybe() else self.some(deeper, 1, 2)
        return " ".join(self.field(kind, name, depth) for name in chosen)

    def arguments(self, definition: Any) -> str:
        given = []
        for name, argument in definition.args.items():
            required = is_required_argument(argument)
            if name in ARGUMENTS and (required or self.maybe()):
                given.append(f"{name}: {self.value(argument, *ARGUMENTS[name])}")
        return f"({', '.join(given)})" if given else ""

    def value(self, argument: Any, kind: str, values: list[Any]) -> str:
        kind = kind.rstrip("!") if not isinstance(argument.type, GraphQLNonNull) else kind.rstrip("!") + "!"
        values = [value for value in values if value is not None or not kind.endswith("!")]
        value = self.one(values)
        if self.maybe():
            return literal(value, argument.type)
        return self.variable(kind, value, literal(value, argument.type))

    def variable(self, kind: str, value: Any, written: str) -> str:
        name = self.name("v")
        if self.maybe(3):
            self.declared.append(f"${name}: {kind} = {written}")
        else:
            self.declared.append(f"${name}: {kind}")
            self.variables[name] = value
        return f"${name}"

    def directives(self) -> str:
        if not self.maybe(4):
            return ""
        which, value = self.one(["include", "skip"]), self.draw(st.booleans())
        said = str(value).lower()
        condition = said if self.maybe() else self.variable("Boolean!", value, said)
        both = f" @{'skip' if which == 'include' else 'include'}(if: {str(self.draw(st.booleans())).lower()})"
        return f" @{which}(if: {condition})" + (both if self.maybe(4) else "")

    def possible(self, kind: GraphQLNamedType) -> list[Any]:
        if isinstance(kind, GraphQLUnionType | GraphQLInterfaceType):
            return [*self.schema.get_possible_types(kind), kind]
        return [kind]

    def name(self, prefix: str) -> str:
        self.names += 1
        return f"{prefix}{self.names}"

    def maybe(self, of: int = 2) -> bool:
        return bool(self.draw(st.integers(1, of)) == 1)

    def one(self, values: list[Any]) -> Any:
        return self.draw(st.sampled_from(values))

    def some(self, values: Any, least: int, most: int) -> list[Any]:
        return list(self.draw(st.lists(st.sampled_from(list(values)), min_size=least, max_size=most, unique=True)))


def literal(value: Any, kind: Any) -> str:
    """Return a value as it stands in a document."""
    while isinstance(kind, GraphQLNonNull):
        kind = kind.of_type
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        inner = kind.of_type if isinstance(kind, GraphQLList) else kind
        return f"[{', '.join(literal(one, inner) for one in value)}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{name}: {literal(one, kind)}' for name, one in value.items())}}}"
    if isinstance(value, str) and kind.name == "Surface":
        return value
    return f'"{value}"' if isinstance(value, str) else repr(value)
