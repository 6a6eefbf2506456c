"""Saved queries for the four roles, composed of real ids of the graph that is served.

The playground opens with them, the browser test runs them, and the demo prints three with their answers. The choice is
deterministic: the same graph gives the same examples.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow.compute as pc

from kg.ports import CHAIN, ArrayGraph, Direction

__all__ = ["Example", "build_examples"]

ENOUGH_RELATED = 5
TITLES = (
    "A product with its relations",
    "Ten recommendations for a household",
    "Demand of the next four weeks",
    "Find products by words",
    "What can replace it, and why",
    "Why two products are related",
    "What goes beside a basket",
    "A page of placements for a household",
    "What is served",
)
"""The order in which they are shown: one for each role, then the others."""


@dataclass(frozen=True, slots=True)
class Example:
    """One saved query: whom it is for, what it shows, and the query with its variables."""

    role: str
    title: str
    description: str
    query: str
    variables: Mapping[str, Any]

    def as_json(self) -> dict[str, Any]:
        """Return the shape that the playground reads."""
        return {
            "role": self.role, "title": self.title, "description": self.description, "query": self.query,
            "variables": dict(self.variables),
        }  # fmt: skip


PRODUCT = """\
query ProductWithRelations($id: ID!) {
  product(id: $id) {
    ... on Product {
      displayName
      categoryPath { displayName level }
      brand { displayName }
      suppliers { displayName }
      promotions { mechanic validFrom validTo coverage }
      substitutes(first: 5) { ...Related }
      complements(first: 5) { ...Related }
    }
    ... on Problem { message remedy }
  }
}
fragment Related on RelatedConnection {
  edges {
    node { displayName }
    evidence { strength low high unit events grade }
    explanation { text paths { contribution hops { source { displayName } relation target { displayName } } } }
  }
  decision { id asOf graphVersion }
}
"""

SUBSTITUTES = """\
query Substitutes($id: ID!) {
  substitutes(productId: $id, first: 5) {
    ... on RelatedConnection {
      edges {
        node { displayName suppliers { displayName } }
        evidence { strength low high unit events support firstObserved lastObserved sources }
        explanation {
          text
          paths { contribution hops { source { displayName } relation target { displayName } evidence { strength unit } } }
        }
      }
      decision { id asOf modelVersion freshness { table newest ageDays } }
    }
    ... on Problem { message remedy }
  }
}
"""

WHY = """\
query WhyRelated($a: ID!, $b: ID!) {
  whyRelated(a: $a, b: $b) {
    ... on WhyRelated {
      related
      text
      relations { relation scope text evidence { strength low high unit events grade status } }
      paths { hops { source { displayName } relation target { displayName } } }
      shared { kind shared first second }
      daysTogether
      decision { id asOf graphVersion }
    }
    ... on Problem { message remedy }
  }
}
"""

RECOMMENDATIONS = """\
query Recommendations($household: ID!) {
  recommendations(householdId: $household, first: 10) {
    ... on RecommendationConnection {
      system
      edges {
        rank
        score
        node { displayName }
        kind
        sources
        pAccept
        customerText
        explanation { text paths { contribution hops { source { displayName } relation target { displayName } } } }
      }
      rungs { name places cause }
      withheld { rule products }
      decision { id asOf servedFrom modelVersion degraded { cause rung } }
    }
    ... on Problem { message remedy }
  }
}
"""

BASKET = """\
query BesideABasket($basket: [ID!]!) {
  recommendations(basket: $basket, first: 5) {
    ... on RecommendationConnection {
      system
      edges { rank node { displayName } explanation { text } }
      decision { id }
    }
    ... on Problem { message remedy }
  }
}
"""

PAGE = """\
query HomePage($household: ID!) {
  recommendationPage(placements: ["buy_again", "discover", "trending"], visit: {householdId: $household}) {
    ... on RecommendationPage {
      placements { name surface system items { rank kind node { displayName } customerText } rungs { name places cause } }
      decision { id }
    }
    ... on Problem { message remedy }
  }
}
"""

FORECAST = """\
query Demand($id: ID!) {
  forecast(productId: $id, horizonWeeks: 4) {
    ... on Forecast {
      product { displayName }
      system
      why
      baseline
      points { weekStart units low high low95 high95 baselineUnits promoted }
      drivers { words units productId }
      explanation { text paths { contribution hops { source { displayName } relation target { displayName } } } }
      decision { id asOf featureSnapshot modelVersion }
    }
    ... on Problem { message remedy }
  }
}
"""

SEARCH = """\
query Find($text: String!) {
  search(text: $text, first: 10) {
    totalCount
    edges { score node { productId displayName category { displayName } lastSold } }
  }
}
"""

HEALTH = """\
query WhatIsServed {
  health { status asOf releaseId graphVersion graphDigest ontologyVersion servedFrom }
  products(first: 5) {
    totalCount
    edges { node { productId displayName firstSold lastSold } }
    pageInfo { hasNextPage endCursor }
  }
}
"""


def build_examples(graph: ArrayGraph) -> tuple[Example, ...]:
    """Return the saved queries; those that need a household or a product are left out of a graph without one."""
    product, household = _best_product(graph), _best_household(graph)
    examples = []
    if product is not None:
        examples += _product_examples(product, _neighbour(graph, product), _word(graph, product))
        substitute = _best_related(graph, "isSubstituteFor", product)
        if substitute is not None:
            examples.append(Example(
                "merchandiser", "Why two products are related", "Edges both ways, paths, and what they share in sales.",
                WHY, {"a": substitute, "b": product},
            ))  # fmt: skip
    if household is not None:
        examples.append(Example(
            "recommendation client", "Ten recommendations for a household", "Each with the paths that it rests on.",
            RECOMMENDATIONS, {"household": household},
        ))  # fmt: skip
        examples.append(Example(
            "recommendation client", "A page of placements for a household", "Bought again, new and trending: no product twice.",
            PAGE, {"household": household},
        ))  # fmt: skip
    examples.append(Example("data steward", "What is served", "Versions, and the first products of the list.", HEALTH, {}))
    return tuple(sorted(examples, key=lambda example: TITLES.index(example.title)))


def _product_examples(product: str, neighbour: str | None, word: str) -> list[Example]:
    basket = [product, neighbour] if neighbour else [product]
    return [
        Example("merchandiser", "A product with its relations", "What replaces it and what goes with it, by which paths.",
                PRODUCT, {"id": product}),
        Example("merchandiser", "What can replace it, and why", "Substitutes with evidence, and the paths behind each.",
                SUBSTITUTES, {"id": product}),
        Example("recommendation client", "What goes beside a basket", "Without knowing whose basket it is.",
                BASKET, {"basket": basket}),
        Example("planner", "Demand of the next four weeks", "With an interval, the baseline's value, and the drivers.",
                FORECAST, {"id": product}),
        Example("data steward", "Find products by words", "Beginnings of words are enough.", SEARCH, {"text": word}),
    ]  # fmt: skip


def _degrees(graph: ArrayGraph, relation: str, direction: Direction) -> np.ndarray:
    return np.diff(graph.adjacency(relation, direction).indptr)


def _related_in_chain(graph: ArrayGraph, relation: str) -> np.ndarray:
    """How many edges of the whole chain lead into each product."""
    stored = graph.adjacency(relation, Direction.IN)
    in_chain = pc.equal(graph.edge_column(relation, "scope"), CHAIN).to_numpy()[stored.edges]
    before = np.concatenate(([0], np.cumsum(in_chain)))
    return np.asarray(before[stored.indptr[1:]] - before[stored.indptr[:-1]])


def _best_product(graph: ArrayGraph) -> str | None:
    """The most bought product that has enough substitutes and complements to show; failing that, the best related one."""
    ids = graph.ids("Product")
    if not len(ids):
        return None
    substitutes, complements = (_related_in_chain(graph, relation) for relation in ("isSubstituteFor", "isComplementTo"))
    shown = np.minimum(substitutes, ENOUGH_RELATED) + np.minimum(complements, ENOUGH_RELATED)
    bought = _degrees(graph, "contains", Direction.IN)
    return ids[int(np.lexsort((np.arange(len(ids)), -bought, -shown))[0])]


def _best_household(graph: ArrayGraph) -> str | None:
    """The household with most baskets, the first among equals."""
    ids = graph.ids("Household")
    return ids[int(np.argmax(_degrees(graph, "madeBy", Direction.IN)))] if len(ids) else None


def _neighbour(graph: ArrayGraph, product: str) -> str | None:
    found = graph.related("isBoughtWith", [product], direction=Direction.OUT, limit=1, scope=CHAIN)[product]
    return found[0].target.id if found else None


def _best_related(graph: ArrayGraph, relation: str, product: str) -> str | None:
    found = graph.related(relation, [product], direction=Direction.IN, limit=1, scope=CHAIN)[product]
    return found[0].source.id if found else None


def _word(graph: ArrayGraph, product: str) -> str:
    node = graph.nodes("Product", [product])[product]
    text = str(node.properties.get("product_type") or node.properties.get("display_name") or product)
    return " ".join(word[:5] for word in text.lower().split()[:2])
