"""Replaying a logged decision: the same request on the same release must give the same bytes."""

from collections.abc import Callable
from dataclasses import dataclass

from api.decisions_made import KINDS, answer_bytes, compute, request_of
from api.error_map import LOGGED_REFUSALS
from api.errors import ReplayImpossible
from api.services import Services
from governance.records.ports import DecisionLog
from kit.canonical import digest_of_bytes

__all__ = ["ReplayReport", "replay"]


@dataclass(frozen=True, slots=True)
class ReplayReport:
    """Whether a decision came out the same. `first_difference` is the offset of the first byte that differs, else None."""

    decision_id: str
    kind: str
    release_id: str
    identical: bool
    logged_digest: str
    replayed_digest: str
    first_difference: int | None


def replay(decision_id: str, log: DecisionLog, open_services: Callable[[str], Services]) -> ReplayReport:
    """Compute a logged decision again on its own release and compare the canonical bytes of the answers.

    Args:
        decision_id: as given in the answer's `decision` field.
        log: where the decision was written.
        open_services: opens the services of a release by its id.

    Raises:
        DecisionUnknown: no such decision was logged.
        DecisionDamaged: the entry is not what was written.
        ReplayImpossible: the kind of decision is not known to this version of the program.
        ReleaseUnknown: from `open_services`, when the release is gone.
    """
    entry = log.get(decision_id)
    if entry.kind not in KINDS:
        raise ReplayImpossible(decision_id, f"this version does not know the kind '{entry.kind}'")
    services = open_services(entry.release_id)
    again = answer_bytes(compute(services, entry.kind, request_of(entry.kind, entry.request), LOGGED_REFUSALS))
    return ReplayReport(
        decision_id, entry.kind, entry.release_id, again == entry.answer,
        digest_of_bytes(entry.answer), digest_of_bytes(again), _first_difference(entry.answer, again),
    )  # fmt: skip


def _first_difference(logged: bytes, replayed: bytes) -> int | None:
    if logged == replayed:
        return None
    pairs = zip(logged, replayed, strict=False)
    return next((at for at, (a, b) in enumerate(pairs) if a != b), min(len(logged), len(replayed)))
