"""All verbs of the command line: importing this imports the whole service."""

import typer

from cli import (
    audit,
    bench,
    chart,
    demo,
    doctor,
    events,
    forecast,
    graph,
    ingest,
    job,
    neo4j,
    ontology,
    outcomes,
    override,
    recommend,
    registry,
    relations,
    scenario,
    serve,
    train,
    whatif,
)

__all__ = ["app"]

app = typer.Typer(
    name="shelfgraph",
    help="A retail knowledge graph that decides, and says what each answer rests on.\n\nStart with `shelfgraph demo`.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("demo")(demo.demo)
app.add_typer(ingest.app, name="ingest")
app.add_typer(events.app, name="events")
app.add_typer(graph.app, name="graph")
app.add_typer(relations.app, name="relations")
app.command("recommend")(recommend.recommend)
app.command("forecast")(forecast.forecast)
app.add_typer(chart.app, name="chart")
app.add_typer(whatif.app, name="whatif")
app.command("train")(train.train)
app.command("serve")(serve.serve)
app.command("bench")(bench.bench)
app.add_typer(scenario.app, name="scenario")
app.add_typer(override.app, name="override")
app.add_typer(job.app, name="job")
app.add_typer(outcomes.app, name="outcomes")
app.add_typer(audit.app, name="audit")
app.add_typer(registry.app, name="registry")
app.add_typer(ontology.app, name="ontology")
app.add_typer(neo4j.app, name="neo4j")
app.command("doctor")(doctor.doctor)
