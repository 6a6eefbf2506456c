"""Query parameters of plain GET paths: each known and given once, in a query of bounded length."""

from collections.abc import Collection, Mapping
from datetime import date

from starlette.requests import Request

from api.errors import ArgumentInvalid

__all__ = ["day", "listed", "parameters_of", "whole_number"]

MAXIMUM_TEXT = 4000
MAXIMUM_DIGITS = 4
DAY_LENGTH = len("2017-12-31")


def parameters_of(request: Request, known: Collection[str]) -> Mapping[str, str]:
    """Return the parameters. Raises: ArgumentInvalid, also for one that is not known, given twice, or empty: a client's variable
    that was never set is not to be answered as if nothing had been asked.
    """
    if len(request.url.query) > MAXIMUM_TEXT:
        raise ArgumentInvalid("query", f"at most {MAXIMUM_TEXT} characters")
    given = request.query_params
    for name in given:
        if name not in known:
            raise ArgumentInvalid(name[:40], f"one of {', '.join(sorted(known))}")
        if len(given.getlist(name)) > 1:
            raise ArgumentInvalid(name, "given once")
        if not given[name]:
            raise ArgumentInvalid(name, "given a value, or left out")
    return dict(given)


def whole_number(given: Mapping[str, str], name: str, default: int) -> int:
    """Return a whole number; whether it is in range is for the room to say that takes it. Raises: ArgumentInvalid."""
    text = given.get(name)
    if text is None:
        return default
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= MAXIMUM_DIGITS):
        raise ArgumentInvalid(name, f"a whole number of at most {MAXIMUM_DIGITS} digits")
    return int(text)


def listed(given: Mapping[str, str], name: str, most: int) -> tuple[str, ...]:
    """Return what stands between commas, none where it is not given. Raises: ArgumentInvalid for more than `most`."""
    found = tuple(one for one in given.get(name, "").split(",") if one)
    if len(found) > most:
        raise ArgumentInvalid(name, f"a list of at most {most}")
    return found


def day(given: Mapping[str, str], name: str) -> date | None:
    """Return a day, None where it is not given. Raises: ArgumentInvalid."""
    text = given.get(name)
    if text is None:
        return None
    try:
        # shorter forms of ISO 8601 are no days here either
        return date.fromisoformat(text if len(text) == DAY_LENGTH else "")
    except ValueError as error:
        raise ArgumentInvalid(name, "a day such as 2017-12-31") from error
