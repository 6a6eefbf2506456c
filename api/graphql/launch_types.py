"""The launch that a forecast is asked for."""

from datetime import date

import strawberry

from api.errors import ArgumentInvalid
from api.identifiers import plain_id

__all__ = ["LaunchInput", "launch_of"]

MAXIMUM_DONORS = 10


@strawberry.input(
    description="The week in which a product is first sold, and products whose launches its own is expected to be like."
)
class LaunchInput:
    """A launch to come."""

    week: date = strawberry.field(description="The Monday of the first week of sale.")
    donors: list[strawberry.ID] | None = strawberry.field(
        default=None, description="At most 10 products whose launches are known; without any, those of its type and brand."
    )


def launch_of(given: LaunchInput | None) -> tuple[date | None, tuple[str, ...]]:
    """Return the week and the donors of a launch, None and nothing without one. Raises: ArgumentInvalid."""
    if given is None:
        return None, ()
    donors = given.donors or []
    if len(donors) > MAXIMUM_DONORS:
        raise ArgumentInvalid("launch.donors", f"at most {MAXIMUM_DONORS}")
    return given.week, tuple(plain_id("Product", str(one)) for one in donors)
