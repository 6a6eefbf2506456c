"""`shelfgraph relations`: events and evidence they rest on, how good they are, why two products are related, what changed."""

from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any

import pyarrow.compute as pc
import typer

from api.wiring import Installation
from cli.terminal import console, failing_clearly, progress_for, show_json, show_table
from decisions.envelope import Evidence, ExplanationPath
from decisions.relations import DiffRequest, QualityRequest, WhyRequest
from decisions.relations.why import unmet
from features.relation_events import EVENT_KINDS
from features.relation_evidence import EVIDENCE_KINDS
from pipeline.relation_events import EventFilter
from pipeline.relation_evidence import EvidenceFilter

__all__ = ["app"]

app = typer.Typer(
    help="Substitutes and complements: scopes, events, evidence, back-test, reasons, changes.", no_args_is_help=True
)
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object for programs.")]
Relation = Annotated[str, typer.Option(help="isSubstituteFor, isComplementTo or isBoughtWith.")]
Day = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Known on this day; the last full day unless given.")]
MOST_CHANGES = 100
SHOWN_STORES = 20


@app.command()
def events(
    kind: Annotated[list[str] | None, typer.Option(help=f"{', '.join(EVENT_KINDS)}; may be given again.")] = None,
    product: Annotated[str | None, typer.Option(help="Only of this product.")] = None,
    category: Annotated[str | None, typer.Option(help="Only of this category, as the products' table names it.")] = None,
    scope: Annotated[str | None, typer.Option(help="chain, store_cluster, store, or one such as store_cluster:2.")] = None,
    event: Annotated[str | None, typer.Option(help="One event by its id, with everything that is known of it.")] = None,
    as_of: Day = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="How many, those with most former buyers first.")] = 20,
    as_json: AsJson = False,
) -> None:
    """List products that went away, were away, came new, ran out or were promoted, with the buyers who had to choose anew.

    Promotions and stock-outs are many and take longest: name the kinds that you want.

    Example: `shelfgraph relations events --kind delisting --limit 5`, then `shelfgraph relations events --event ID`.
    """
    unknown = sorted(set(kind or ()) - set(EVENT_KINDS))
    if unknown:
        raise typer.BadParameter(f"{', '.join(unknown)}: choose from {', '.join(EVENT_KINDS)}", param_hint="--kind")
    with failing_clearly():
        wanted = EventFilter(kind or None, product, category, scope, event)
        found = Installation.open().relation_events(_day(as_of), wanted, progress_for(as_json=as_json))
    rows = found.rows.slice(0, limit).to_pylist()
    counts = [{"kind": kind, "scope": scope, "events": count} for (kind, scope), count in found.counts.items()]
    if as_json:
        show_json({"as_of": found.as_of, "counts": counts, "total": found.rows.num_rows, "events": rows})
    elif event is not None and rows:
        show_table(f"Event {event}", ("what", "value"), [(name, _plain(value)) for name, value in rows[0].items()])
    else:
        show_table(f"Events known on {found.as_of}", ("kind", "scope", "events"), [tuple(one.values()) for one in counts])
        columns = ("event_id", "kind", "product_id", "category", "scope", "first_day", "last_day", "former_buyers", "simulated")
        show_table(f"{len(rows)} of {found.rows.num_rows:,}", columns, [[row[name] for name in columns] for row in rows])


@app.command()
def scopes(as_of: Day = None, as_json: AsJson = False) -> None:
    """List the parts of the chain that relations are told in: clusters of stores, seasons and segments of households.

    Example: `shelfgraph relations scopes`, then `shelfgraph relations events --scope store_cluster:cluster-1`.
    """
    with failing_clearly():
        found = Installation.open().relation_scopes(_day(as_of), progress_for(as_json=as_json))
    rows = found.rows.to_pylist()
    if as_json:
        show_json({"as_of": found.as_of, "scopes": rows})
        return
    for row in rows:
        more = len(row["stores"]) - SHOWN_STORES
        row["stores"] = [*row["stores"][:SHOWN_STORES], *([f"and {more} more (--json)"] if more > 0 else [])]
    columns = ("scope", "members", "meaning", "stores")
    show_table(f"Scopes known on {found.as_of}", columns, [[_plain(row[name]) for name in columns] for row in rows])


@app.command()
def evidence(
    product: Annotated[str, typer.Argument(help="Id of a product.")],
    other: Annotated[
        str | None, typer.Argument(help="Id of another product; without it all that behaviour joins to the first.")
    ] = None,
    kind: Annotated[list[str] | None, typer.Option(help=f"{', '.join(EVIDENCE_KINDS)}; may be given again.")] = None,
    in_scopes: Annotated[bool, typer.Option("--scopes", help="Also by store cluster, season and segment of households.")] = False,
    as_of: Day = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="How many of each kind, the surest above chance first.")] = 10,
    as_json: AsJson = False,
) -> None:
    """Show what baskets, next purchases and repertoires say about a product and others, beside what chance would bring.

    `same_basket`: baskets with both, against trips of the same households and sizes. `switching`: the target was bought, and
    at the household's next purchase of the category the source. `co_consumption`: households that take both, but never in one
    basket. The ratio is observed over expected, drawn to 1 (in a part of the chain to the chain's) as five events would draw it.

    Example: `shelfgraph relations evidence 995242 --kind switching`, or `shelfgraph relations evidence 995242 1029743 --scopes`.
    """
    unknown = sorted(set(kind or ()) - set(EVIDENCE_KINDS))
    if unknown:
        raise typer.BadParameter(f"{', '.join(unknown)}: choose from {', '.join(EVIDENCE_KINDS)}", param_hint="--kind")
    wanted = EvidenceFilter(product, other, tuple(dict.fromkeys(kind or EVIDENCE_KINDS)), in_scopes)
    with failing_clearly():
        found = Installation.open().relation_evidence(_day(as_of), wanted, progress_for(as_json=as_json))
    of_kind = {name: found.rows.filter(pc.equal(found.rows["kind"], name)) for name in wanted.kinds}
    shown = {name: rows.slice(0, limit).to_pylist() for name, rows in of_kind.items()}
    if as_json:
        counts = {name: rows.num_rows for name, rows in of_kind.items()}
        show_json({"as_of": found.as_of, "withheld": found.withheld, "total": counts, "evidence": shown})
        return
    columns = ("source", "target", "scope", "observed", "expected", "ratio", "low", "high", "households", "last_day")
    for name, rows in shown.items():
        title = f"{name}, known on {found.as_of}: {len(rows)} of {of_kind[name].num_rows:,}"
        show_table(title, columns, [[row[column] for column in columns] for row in rows])
    console.print(f"Withheld, because fewer than ten households are behind them: {found.withheld:,}.")


@app.command()
def quality(
    relation: Relation = "isSubstituteFor",
    category: Annotated[str | None, typer.Option(help="Id of a category; without it all, those over everything first.")] = None,
    metric: Annotated[str | None, typer.Option(help="Only this metric, such as log_loss or coverage_90.")] = None,
    system: Annotated[str | None, typer.Option(help="Only this system, such as shelfgraph.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100, help="How many past events, the latest first.")] = 10,
    pictures: Annotated[Path | None, typer.Option(help="Folder to write the pictures to, as SVG.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show the back-test of the served relations: figures beside the floors, and what came of past events.

    Example: `shelfgraph relations quality --metric log_loss`, or `shelfgraph relations quality --pictures ./pictures`.
    """
    with failing_clearly():
        service = Installation.open().released_relations()
        found = service.quality(QualityRequest(relation, category, metric, system, limit))
    if pictures is not None:
        pictures.mkdir(parents=True, exist_ok=True)
        for name, content in service.pictures().items():
            (pictures / f"{name}.svg").write_bytes(content)
    if as_json:
        show_json(found)
        return
    title = f"{relation}, {found.model_version}, as of {found.as_of}: {len(found.figures)} of {found.figures_total} figures"
    figures = [(f.category or "all", f.metric, f.slice, f.system, f.value, f.low, f.high, f.events) for f in found.figures]
    show_table(title, ("category", "metric", "slice", "system", "value", "low", "high", "events"), figures)
    columns = ("event", "kind", "product", "category", "day", "predicted", "low", "high", "realised")
    outcomes = [
        (e.event_id, e.kind, e.product_id, e.category, e.day, e.predicted, e.low, e.high, e.realised) for e in found.events
    ]
    show_table(f"{found.covered} of {found.events_total} past events lie in their interval", columns, outcomes)
    console.print(found.protocol)


@app.command()
def why(
    product: Annotated[str, typer.Argument(help="Id of a product.")],
    other: Annotated[str, typer.Argument(help="Id of another product.")],
    as_of: Day = None,
    as_json: AsJson = False,
) -> None:
    """Say why two products are related, in both directions and all scopes, or what is missing.

    Example: `shelfgraph relations why 995242 1029743`. Exit code 1: one is unknown, or they were never sold at the same time.
    """
    with failing_clearly():
        installation = Installation.open()
        answer = installation.relations().why(WhyRequest(product, other, _day(as_of)))
        refusal = unmet(answer)
        if refusal is not None:
            raise refusal
    if as_json:
        show_json(answer)
        return
    console.print(answer.explanation.text)
    edges = [(one.relation, one.scope, one.source.id, one.target.id, *_interval(one.evidence)) for one in answer.relations]
    show_table("Relations", ("relation", "scope", "source", "target", *FIGURES), edges)
    for one in answer.relations:
        console.print(f"- {one.text}")
    ways = [_walked(path) for path in answer.explanation.paths]
    show_table("Paths", ("through",), [(way,) for way in ways])
    shared = [(count.kind, _plain(count.shared), _plain(count.first), _plain(count.second)) for count in answer.shared]
    show_table("Shared (blank: fewer than ten households)", ("what", "shared", product, other), shared)
    for sentence in answer.missing:
        console.print(f"- {sentence}")


@app.command()
def diff(
    relation: Relation = "isSubstituteFor",
    from_version: Annotated[
        str | None, typer.Option("--from", help="The older graph version; the one before by default.")
    ] = None,
    to_version: Annotated[str | None, typer.Option("--to", help="The newer graph version; the current one by default.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=MOST_CHANGES, help="How many changes, the largest first.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Compare a relation in two published graph versions: edges added, removed and changed, the largest changes first.

    Example: `shelfgraph relations diff --relation isComplementTo`; `shelfgraph graph versions` lists what can be compared.
    """
    with failing_clearly():
        found = Installation.open().relations().compare(DiffRequest(relation, from_version, to_version, limit))
    if as_json:
        show_json(found)
        return
    counts = [(found.added, found.removed, found.changed, found.unchanged)]
    show_table(f"{relation}, {found.from_version} to {found.to_version}", ("added", "removed", "changed", "unchanged"), counts)
    rows = [
        (one.kind, one.source.id, one.target.id, one.scope, one.change, _strength(one.old), _strength(one.new))
        for one in found.items
    ]
    show_table("The largest changes", ("kind", "source", "target", "scope", "change", "old", "new"), rows)


FIGURES = ("strength", "low", "high", "unit", "events", "support", "grade", "status")


def _interval(evidence: Evidence) -> list[Any]:
    return [getattr(evidence, name) for name in FIGURES]


def _strength(evidence: Evidence | None) -> float | None:
    return None if evidence is None else evidence.strength


def _walked(path: ExplanationPath) -> str:
    """Return a path as it is walked: an arrow points as its edge is stored."""
    first = path.hops[0]
    steps = [
        f"← {hop.relation} − {hop.source.id}" if hop.walked_backwards else f"− {hop.relation} → {hop.target.id}"
        for hop in path.hops
    ]
    return " ".join([(first.target if first.walked_backwards else first.source).id, *steps])


def _plain(value: object) -> str:
    """Return a value as text: a column of values of many kinds stands to the left."""
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return "" if value is None else str(value)


def _day(given: datetime | None) -> date | None:
    return None if given is None else given.date()
