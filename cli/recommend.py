"""`shelfgraph recommend`: what to suggest to whom and why, on every surface, and why a product is not among it."""

from typing import Annotated

import typer

from api.recommending import in_force
from api.services import Services
from api.wiring import Installation
from cli.terminal import console, failing_clearly, show_json, show_table
from decisions.recommend.contract import (
    Constraints,
    RecommendationAnswer,
    RecommendationRequest,
    Surface,
    WhyNotAnswer,
    WhyNotRequest,
)

__all__ = ["recommend"]


def recommend(
    household: Annotated[str | None, typer.Argument(help="Pseudonym of a household, `hh_…`; without it nobody known.")] = None,
    surface: Annotated[Surface, typer.Option(help="Where the suggestions are shown, and so which question is asked.")] = (
        Surface.HOUSEHOLD
    ),
    basket: Annotated[list[str] | None, typer.Option(help="Id of a product in the basket; may be given again.")] = None,
    store: Annotated[str | None, typer.Option(help="Id of a store; without it the household's own.")] = None,
    session: Annotated[str | None, typer.Option(help="Id of a visit whose events count.")] = None,
    product: Annotated[str | None, typer.Option(help="Id of the product, for `--surface item`.")] = None,
    candidate: Annotated[list[str] | None, typer.Option(help="Id of a product to order, for `--surface rerank`; again.")] = None,
    exclude: Annotated[list[str] | None, typer.Option(help="Id of a product that must not come; may be given again.")] = None,
    without_allergen: Annotated[list[str] | None, typer.Option(help="An allergen, such as `nuts`; may be given again.")] = None,
    diet: Annotated[list[str] | None, typer.Option(help="A diet, such as `vegan`; may be given again.")] = None,
    discovery_share: Annotated[float | None, typer.Option(help="Share of the places for what is new to the household.")] = None,
    limit: Annotated[int, typer.Option(help="How many, 1 to 100.")] = 10,
    why_not: Annotated[str | None, typer.Option(help="Id of a product: say why it is not among the suggestions.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object for programs.")] = False,
) -> None:
    """Suggest products and say what each rests on, or why one is not suggested.

    It is not logged: for an answer of record ask the server (`recommendations` over GraphQL).

    Example: `shelfgraph recommend hh_… --basket 995242`, then `shelfgraph recommend hh_… --why-not 1029743`;
    beside a product: `shelfgraph recommend --surface item --product 995242`.
    """
    request = RecommendationRequest(
        household,
        tuple(basket or ()),
        store,
        limit,
        surface=surface,
        session_id=session,
        product_id=product,
        candidates=tuple(candidate or ()),
        exclude=tuple(exclude or ()),
        discovery_share=discovery_share,
        constraints=Constraints(tuple(without_allergen or ()), tuple(diet or ())),
    )
    with failing_clearly():
        services = Installation.open().services_of()
        asked = in_force(services, request)
        answer = (
            services.recommender.recommend(asked)
            if why_not is None
            else services.recommender.why_not(WhyNotRequest(why_not, asked))
        )
    if as_json:
        show_json(answer)
    elif isinstance(answer, WhyNotAnswer):
        _show_why_not(answer)
    else:
        _show(answer, services)


def _show(answer: RecommendationAnswer, services: Services) -> None:
    nodes = services.graph.nodes("Product", [item.product_id for item in answer.items])
    names = {one: str(node.properties["display_name"]) for one, node in nodes.items()}
    rows = [
        (item.rank, item.product_id, names[item.product_id], item.kind, item.score, _share(item.p_accept), item.explanation.text)
        for item in answer.items
    ]
    title = f"{answer.surface.value} by {answer.system}, known on {answer.as_of}"
    show_table(title, ("", "product", "name", "kind", "score", "will take", "why"), rows)
    for rung in answer.rungs:
        console.print(f"{rung.name}: {rung.places} places{f' ({rung.cause})' if rung.cause else ''}")
    if answer.withheld:
        console.print("Kept out by rules: " + ", ".join(f"{one.rule} {one.products}" for one in answer.withheld))
    if answer.degraded is not None:
        console.print(f"Less than it should be: {answer.degraded.cause}; answered by {answer.degraded.rung}.")


def _show_why_not(answer: WhyNotAnswer) -> None:
    console.print(answer.text)
    rows = [(one.rule, "kept" if one.passed else "broken", one.proof) for one in answer.checks]
    if rows:
        show_table("Rules", ("rule", "", "proof"), rows)


def _share(chance: float | None) -> str:
    return "" if chance is None else f"{chance:.0%}"
