"""Scenarios as planners keep and compare them: held against the served release, written into the book."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from api.planning.parts import Decided, Planner, act_of
from decisions.scenarios import Change, ComparisonRequest, PinnedScenario, PlanningWorld, check_changes, check_name
from governance.records import Recorded, ScenarioDraft, ScenarioRevision
from governance.records.errors import VersionConflict
from kit.canonical import canonical_bytes
from kit.restored import restored

__all__ = [
    "KeptScenario",
    "archive_scenario",
    "changes_of",
    "compare_scenarios",
    "create_scenario",
    "pinned",
    "revise_scenario",
]


@dataclass(frozen=True, slots=True)
class KeptScenario:
    """What an act came to: the changes as they are (or would be) kept, and the record, None after a dry run."""

    changes: tuple[Change, ...]
    recorded: Recorded[ScenarioRevision] | None


def create_scenario(
    planner: Planner, name: str, changes: Sequence[Change], *, key: str, expected: int = 0, dry_run: bool = False
) -> KeptScenario:
    """Keep a new scenario. `expected` is the version that is expected of it: 0, as there is none.

    Raises: the errors of `check_changes`, ScenarioNameTaken, VersionConflict, IdempotencyKeyReused, ArgumentInvalid.
    """
    book = planner.planning.books.scenarios
    act = act_of(planner, "scenario_create", key, name=name, changes=list(changes))
    done = None if dry_run else book.done(act)
    if done is not None:
        return KeptScenario(changes_of(done.value), done)
    if expected != 0:
        raise VersionConflict("A scenario that is not there yet", expected, 0)
    draft, checked = _draft(planner, name, changes)
    return KeptScenario(checked, book.create(draft, act, dry_run=dry_run))


def revise_scenario(
    planner: Planner,
    scenario_id: str,
    *,
    key: str,
    expected: int,
    name: str | None = None,
    changes: Sequence[Change] | None = None,
    dry_run: bool = False,
) -> KeptScenario:
    """Add a revision with another name, other changes, or both; what is not given stays. Raises: as `create_scenario`,
    ScenarioUnknown, ScenarioArchived.
    """
    book = planner.planning.books.scenarios
    given = None if changes is None else list(changes)
    act = act_of(planner, "scenario_revise", key, scenario_id=scenario_id, expected=expected, name=name, changes=given)
    done = None if dry_run else book.done(act)
    if done is not None:
        return KeptScenario(changes_of(done.value), done)
    last = book.get(scenario_id)
    wanted = changes_of(last) if changes is None else changes
    draft, checked = _draft(planner, last.draft.name if name is None else name, wanted)
    return KeptScenario(checked, book.revise(scenario_id, draft, act, expected=expected, dry_run=dry_run))


def archive_scenario(planner: Planner, scenario_id: str, *, key: str, expected: int, dry_run: bool = False) -> KeptScenario:
    """Archive a scenario: it is kept, and takes no more changes. Raises: ScenarioUnknown, ScenarioArchived, VersionConflict."""
    book = planner.planning.books.scenarios
    act = act_of(planner, "scenario_archive", key, scenario_id=scenario_id, expected=expected)
    done = None if dry_run else book.done(act)
    if done is not None:
        return KeptScenario(changes_of(done.value), done)
    last = book.get(scenario_id)
    version = planner.services.graph.version
    # its content stays as it was: an old one is archived whatever the served release says of its weeks
    draft = ScenarioDraft(
        last.draft.name, planner.services.release.id, version.id, version.as_of, planner.name, last.draft.changes
    )
    recorded = book.revise(scenario_id, draft, act, expected=expected, archived=True, dry_run=dry_run)
    return KeptScenario(changes_of(last), recorded)


def compare_scenarios(
    planner: Planner,
    product_id: str,
    scenarios: Sequence[tuple[str, int | None]],
    *,
    store_id: str | None = None,
    horizon_weeks: int = 4,
    as_of: date | None = None,
    combined: bool = False,
) -> Decided:
    """Return the decision that puts the base and the scenarios (id and revision, None: the last) side by side.

    Raises: ScenarioUnknown, the errors of `decisions.scenarios` and of the forecast.
    """
    held = tuple(pinned(planner.planning.books.scenarios.get(scenario_id, revision)) for scenario_id, revision in scenarios)
    request = ComparisonRequest(product_id, store_id, horizon_weeks, as_of, held, combined)
    return planner.decided("scenario_comparison", request)


def pinned(revision: ScenarioRevision) -> PinnedScenario:
    """Return a revision with its content, as questions hold it."""
    return PinnedScenario(revision.scenario_id, revision.revision, revision.draft.name, changes_of(revision))


def changes_of(revision: ScenarioRevision) -> tuple[Change, ...]:
    """Return the changes of a revision."""
    found: tuple[Change, ...] = restored(tuple[Change, ...], json.loads(revision.draft.changes))
    return found


def _draft(planner: Planner, name: str, changes: Sequence[Change]) -> tuple[ScenarioDraft, tuple[Change, ...]]:
    checked = check_changes(changes, PlanningWorld.of(planner.services.graph))
    version = planner.services.graph.version
    content: Any = list(checked)
    kept = canonical_bytes(content)
    return ScenarioDraft(check_name(name), planner.services.release.id, version.id, version.as_of, planner.name, kept), checked
