"""Sentences and paths for related products.

How contributions add up: the first path is the derived edge itself and contributes its whole strength, because the edge's
strength is what was measured. The other paths show where the two products stand in the catalogue and whether they share
baskets; they contribute 0. So the contributions of an explanation sum to the strength.
"""

from collections.abc import Mapping

from decisions.envelope import Explanation, ExplanationPath, Hop, NodeName, evidence_of
from decisions.relations.errors import UnknownRelation
from decisions.relations.scopes import scope_words
from decisions.relations.surroundings import Surroundings
from kg.ports import Edge, NodeRef, PropertyValue

__all__ = ["SENTENCES", "explain", "sentence_of"]

ANY_UNIT = ""
SENTENCES: Mapping[str, Mapping[str, str]] = {
    "isSubstituteFor": {
        "diversion_ratio": (
            "of 100 purchases of {asked} that are lost, an estimated {in_100:.1f} ({low_in_100:.1f} to {high_in_100:.1f}) go to "
            "{other}, which its {support} buyers took in {events} baskets."
        ),
        ANY_UNIT: (
            "buyers of {asked} give {other} an estimated {strength:.1%} ({low:.1%} to {high:.1%}) of what a purchase today "
            "would count, as far as it still sells: {events} baskets by {support} of them in 13 weeks."
        ),
    },
    "isComplementTo": {
        ANY_UNIT: (
            "{in_100:.1f} ({low_in_100:.1f} to {high_in_100:.1f}) of 100 baskets with {asked} hold {other} beyond the "
            "households' habits: {events} baskets in common of {support} households."
        ),
    },
    "isBoughtWith": {
        ANY_UNIT: (
            "{other} and {asked} meet {strength:.1f} times ({low:.1f} to {high:.1f}) as often as their popularity explains: "
            "{events} baskets in common of {support} households."
        ),
    },
}
"""How each relation is put into words, by the unit of its strength. A relation without an entry is never put into the words of
another."""


def explain(edge: Edge, around: Surroundings) -> Explanation:
    """Return the sentence and the paths behind one related product. `edge` runs from it to the product asked about.

    Raises:
        UnknownRelation: there are no words for the edge's relation.
    """
    paths = [ExplanationPath((_hop(edge, around, backwards=True),), _number(edge, "strength") or 0.0)]
    shared = _through_category(edge, around)
    if shared:
        paths.append(ExplanationPath(shared, 0.0))
    companion = around.companions.get(edge.source.id)
    if companion is not None and edge.relation != "isBoughtWith":
        paths.append(ExplanationPath((_hop(companion, around, backwards=False),), 0.0))
    return Explanation(sentence_of(edge, _name(edge.source, around), _name(edge.target, around)), tuple(paths))


def _through_category(edge: Edge, around: Surroundings) -> tuple[Hop, ...]:
    """Return the shortest way over the categories from the asked product to the other; none when they share no category."""
    ups, downs = around.ascents.get(around.asked.id, ()), around.ascents.get(edge.source.id, ())
    reached = {step.target.id: place for place, step in enumerate(downs)}
    for place, step in enumerate(ups):
        if step.target.id in reached:
            up = tuple(_hop(one, around, backwards=False) for one in ups[: place + 1])
            down = tuple(_hop(one, around, backwards=True) for one in reversed(downs[: reached[step.target.id] + 1]))
            return up + down
    return ()


def _hop(edge: Edge, around: Surroundings, *, backwards: bool) -> Hop:
    return Hop(_name(edge.source, around), edge.relation, _name(edge.target, around), evidence_of(edge.properties), backwards)


def _name(node: NodeRef, around: Surroundings) -> NodeName:
    return NodeName(node.label, node.id, around.names[(node.label, node.id)])


def sentence_of(edge: Edge, source: NodeName, target: NodeName) -> str:
    """Return an edge in words, its scope first. Raises: UnknownRelation, where there are no words for it."""
    wordings = SENTENCES.get(edge.relation)
    if wordings is None:
        raise UnknownRelation(edge.relation, tuple(SENTENCES))
    wording = wordings.get(str(edge.properties.get("unit")), wordings[ANY_UNIT])
    strength, low, high = (_number(edge, name) or 0.0 for name in ("strength", "low", "high"))
    told = wording.format(
        other=source.display_name,
        asked=target.display_name,
        strength=strength,
        low=low,
        high=high,
        in_100=100 * strength,
        low_in_100=100 * low,
        high_in_100=100 * high,
        events=_count(edge, "events"),
        support=_count(edge, "support"),
    )
    scope = scope_words(evidence_of(edge.properties).scope)
    return scope + told if scope else told[0].upper() + told[1:]


def _number(edge: Edge, name: str) -> float | None:
    value: PropertyValue = edge.properties.get(name)
    return float(value) if isinstance(value, int | float) else None


def _count(edge: Edge, name: str) -> int | None:
    value = edge.properties.get(name)
    return value if isinstance(value, int) else None
