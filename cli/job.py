"""`shelfgraph job`: long work with progress, that can be cancelled and goes on where it was."""

import time
from collections.abc import Callable
from typing import Annotated

import typer

from api.planning.job_kinds import ComparisonSheet
from api.planning.jobs import KeptJob, cancel_job, find_job, job_result, jobs_of, products_of, resume_job, start_job
from api.planning.parts import Planner
from api.planning.scenarios import pinned
from api.planning.worker import work_on_jobs
from api.wiring import Installation
from cli.terminal import console, failing_clearly, progress_for, show_json, show_table
from governance.records import Job, JobStatus
from kit.ids import ordered_id

__all__ = ["app"]

app = typer.Typer(help="Long work with progress: it can be cancelled, and goes on where it was.", no_args_is_help=True)
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON value for programs.")]
Key = Annotated[str | None, typer.Option(help="Idempotency key: asked again with it, nothing is done again.")]
Expected = Annotated[int | None, typer.Option(min=1, help="The version it must be at; any unless given.")]
JobId = Annotated[str, typer.Argument(help="Id of a job, such as job_…")]
LOOK_SECONDS = 0.25


@app.command()
def start(
    scenarios: Annotated[list[str] | None, typer.Argument(help="Ids of at most five scenarios; none: the base alone.")] = None,
    category: Annotated[str | None, typer.Option(help="All merchandise of this category.")] = None,
    product: Annotated[list[str] | None, typer.Option(help="Id of a product; may be given again.")] = None,
    store: Annotated[str | None, typer.Option(help="Id of a store; the whole chain unless given.")] = None,
    weeks: Annotated[int, typer.Option(min=1, max=8, help="Weeks to forecast.")] = 4,
    combined: Annotated[bool, typer.Option("--combined", help="All scenarios laid over each other, too.")] = False,
    work: Annotated[bool, typer.Option("--work", help="Work on it here and now, not in a server.")] = False,
    key: Key = None, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Queue the comparison of scenarios with the base over many products; a running server has a worker that takes it up.

    Example: `shelfgraph job start scn_… --category "GROCERY > FLUID MILK PRODUCTS" --work`.
    """
    with failing_clearly():
        installation = Installation.open()
        planner = installation.planner()

        def complete() -> ComparisonSheet:
            products = products_of(planner, category) if category else tuple(product or ())
            held = tuple(pinned(planner.planning.books.scenarios.get(one)) for one in scenarios or ())
            return ComparisonSheet(products, held, store, weeks, combined)

        asked = [scenarios, category, product, store, weeks, combined]
        kept = start_job(planner, "scenario_comparison", asked, complete, key=key or ordered_id("cli"))
        if work:
            work_on_jobs(installation, ordered_id("cli"), progress=progress_for(as_json=as_json))
    _tell_act(planner, kept, as_json=as_json)


@app.command("list")
def list_jobs(
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many, newest first.")] = 20, as_json: AsJson = False
) -> None:
    """List jobs, newest first. Example: `shelfgraph job list --limit 5`."""
    with failing_clearly():
        found = jobs_of(Installation.open().planner(), limit=limit)
    if as_json:
        show_json([_plain(job) for job in found])
        return
    columns = ("id", "kind", "status", "steps", "of", "who", "created at")
    rows = [
        (job.id, job.draft.kind, job.status.value, job.steps_done, job.draft.steps_total, job.draft.principal,
         job.created_at.isoformat(timespec="seconds"))
        for job in found
    ]  # fmt: skip
    show_table("Jobs", columns, rows)


@app.command()
def show(job_id: JobId, as_json: AsJson = False) -> None:
    """Show a job, what happened to it, and (with --json) what it found. Example: `shelfgraph job show job_… --json`."""
    with failing_clearly():
        planner = Installation.open().planner()
        job = find_job(planner, job_id)
        events = planner.planning.books.jobs.events(job_id)
        result = job_result(planner, job_id)[1] if job.status is JobStatus.SUCCEEDED else None
    if as_json:
        show_json({**_plain(job), "events": list(events), "result": result})
        return
    _tell(job)
    rows = [(event.at.isoformat(timespec="seconds"), event.status.value, event.note) for event in events]
    show_table("What happened", ("at", "status", "note"), rows)
    if result is not None:
        totals = result["totals"]
        rows = [tuple(total.values()) for total in totals] if isinstance(totals, list) else [tuple(totals.values())]
        names = tuple(totals[0]) if isinstance(totals, list) and totals else tuple(totals)
        show_table(f"{result['products']} products, {result['refused']} without an answer", names, rows)


@app.command()
def watch(job_id: JobId, as_json: AsJson = False) -> None:
    """Follow a job until it ends. Exit code 0: it succeeded; 1: it did not. Example: `shelfgraph job watch job_…`."""
    with failing_clearly():
        planner = Installation.open().planner()
        job = find_job(planner, job_id)
        with progress_for(as_json=as_json).stage(f"{job.draft.kind} {job_id}", total=job.draft.steps_total) as stage:
            stage.advance(job.steps_done)
            while not job.status.over:
                time.sleep(LOOK_SECONDS)
                done, job = job.steps_done, find_job(planner, job_id)
                stage.advance(job.steps_done - done)
                stage.note(job.status.value)
    if as_json:
        show_json(_plain(job))
    else:
        _tell(job)
    raise typer.Exit(0 if job.status is JobStatus.SUCCEEDED else 1)


@app.command()
def cancel(job_id: JobId, expected: Expected = None, key: Key = None, as_json: AsJson = False) -> None:
    """Cancel a job: at once where it waits, behind its present step where it runs. Example: `shelfgraph job cancel job_…`."""
    _act(lambda planner: cancel_job(planner, job_id, key=key or ordered_id("cli"), expected=expected), as_json=as_json)


@app.command()
def resume(job_id: JobId, expected: Expected = None, key: Key = None, as_json: AsJson = False) -> None:
    """Queue a failed or cancelled job again; it goes on behind its last step. Example: `shelfgraph job resume job_…`."""
    _act(lambda planner: resume_job(planner, job_id, key=key or ordered_id("cli"), expected=expected), as_json=as_json)


@app.command()
def work(
    seconds: Annotated[float, typer.Option(min=0, help="Wait so long for further jobs before ending.")] = 0.0,
    as_json: AsJson = False,
) -> None:
    """Work on queued jobs here; a running server has a worker of its own. Example: `shelfgraph job work --seconds 60`."""
    ended: list[Job] = []
    with failing_clearly():
        installation = Installation.open()
        progress = progress_for(as_json=as_json)
        work_on_jobs(installation, ordered_id("cli"), progress=progress, idle_seconds=seconds, ended=ended.append)
    if as_json:
        show_json([_plain(job) for job in ended])
    else:
        for job in ended:
            _tell(job)


def _act(do: Callable[[Planner], KeptJob], *, as_json: bool) -> None:
    with failing_clearly():
        planner = Installation.open().planner()
        kept = do(planner)
    _tell_act(planner, kept, as_json=as_json)


def _tell_act(planner: Planner, kept: KeptJob, *, as_json: bool) -> None:
    if kept.recorded is None:
        return
    job = find_job(planner, kept.recorded.value.id)
    if as_json:
        show_json(_plain(job))
    else:
        _tell(job)


def _tell(job: Job) -> None:
    console.print(f"{job.id}: {job.draft.kind}, {job.status.value}, {job.steps_done} of {job.draft.steps_total} steps")
    if job.problem:
        console.print(f"[bold red]Error:[/] {job.problem}\n[bold]What to do:[/] {job.remedy}")


def _plain(job: Job) -> dict[str, object]:
    draft = job.draft
    return {
        "id": job.id, "kind": draft.kind, "status": job.status, "version": job.version, "principal": draft.principal,
        "release_id": draft.release_id, "created_at": job.created_at, "updated_at": job.updated_at,
        "steps_done": job.steps_done, "steps_total": draft.steps_total, "cancel_requested": job.cancel_requested,
        "problem": job.problem, "remedy": job.remedy, "result_digest": job.result_digest,
    }  # fmt: skip
