"""Changes as people write them: a list in JSON, or words on the command line."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date
from pathlib import Path
from typing import Any

from api.errors import ArgumentInvalid
from decisions.scenarios import Change, ChangeKind
from kit.restored import restored

__all__ = ["WrittenChanges", "changes_in_file", "day_of"]

MAXIMUM_FILE = 1_000_000
NAMES = frozenset(field.name for field in fields(Change)) - {"mechanic"}


@dataclass(frozen=True, slots=True)
class WrittenChanges:
    """Words, each `PRODUCT,FROM[,UNTIL]` and what the kind has besides; `stores` hold for delistings and prices."""

    delist: Sequence[str] = ()
    promote: Sequence[str] = ()
    price: Sequence[str] = ()
    switch_off: Sequence[str] = ()
    ignore: Sequence[str] = ()
    stores: str | None = None

    def changes(self) -> list[Change]:
        """Return the changes. Raises: ArgumentInvalid."""
        stores = None if self.stores is None else tuple(part for part in self.stores.split(",") if part)
        return [
            *(_delist(words, stores) for words in self.delist),
            *(_promote(words) for words in self.promote),
            *(_price(words, stores) for words in self.price),
            *(Change(ChangeKind.SWITCH_OFF_PROMOTION, promotion_id=words) for words in self.switch_off),
            *(_ignore(words) for words in self.ignore),
        ]


def changes_in_file(path: Path) -> list[Change]:
    """Return the changes of a JSON file: a list of objects with `kind` and its fields, named as in `Change`.

    Raises: ArgumentInvalid.
    """
    try:
        if path.stat().st_size > MAXIMUM_FILE:
            raise ArgumentInvalid("file", "a file of at most 1 MB")
        plain = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise ArgumentInvalid("file", f"a readable file of JSON ({type(error).__name__})") from error
    if not isinstance(plain, list) or not all(isinstance(one, dict) for one in plain):
        raise ArgumentInvalid("file", "a list of changes, each an object")
    return [_change(position, one) for position, one in enumerate(plain, 1)]


def day_of(text: str) -> date:
    """Return a day written as YYYY-MM-DD. Raises: ArgumentInvalid."""
    try:
        return date.fromisoformat(text.strip())
    except ValueError as error:
        raise ArgumentInvalid("week", f"a day such as 2018-01-08, but '{text[:40]}'") from error


def _change(position: int, plain: Mapping[str, Any]) -> Change:
    unknown = sorted(plain.keys() - NAMES)
    if unknown:
        raise ArgumentInvalid(f"change {position}", f"free of unknown fields such as '{unknown[0][:40]}'")
    try:
        found: Change = restored(Change, plain)
        return found
    except (TypeError, ValueError) as error:
        raise ArgumentInvalid(f"change {position}", f"readable ({str(error)[:120]})") from error


def _delist(words: str, stores: tuple[str, ...] | None) -> Change:
    product_id, from_week, *until = _parts("delist", words, 2, 3)
    return Change(ChangeKind.DELIST, product_id, stores, day_of(from_week), day_of(until[0]) if until else None)


def _price(words: str, stores: tuple[str, ...] | None) -> Change:
    product_id, from_week, until_week, price = _parts("price", words, 4, 4)
    number = _number("price", price)
    return Change(ChangeKind.PLAN_PRICE, product_id, stores, day_of(from_week), day_of(until_week), price=number)


def _promote(words: str) -> Change:
    product_id, from_week, until_week, *shares = _parts("promote", words, 4, 5)
    told = dict(share.partition("=")[::2] for share in shares)
    if not told.keys() <= {"display", "mailer"}:
        raise ArgumentInvalid("promote", "PRODUCT,FROM,UNTIL,display=SHARE,mailer=SHARE")
    numbers = {name: _number(name, share) for name, share in told.items()}
    window = (day_of(from_week), day_of(until_week))
    return Change(ChangeKind.PLAN_PROMOTION, product_id, None, *window, numbers.get("display"), numbers.get("mailer"))


def _ignore(words: str) -> Change:
    source_id, target_id = _parts("ignore", words, 2, 2)
    return Change(ChangeKind.IGNORE_NEIGHBOUR, source_id=source_id, target_id=target_id)


def _parts(name: str, words: str, fewest: int, most: int) -> list[str]:
    parts = [part.strip() for part in words.split(",")]
    if not fewest <= len(parts) <= most or not all(parts):
        raise ArgumentInvalid(name, f"{fewest} to {most} words with commas between them, as its help shows")
    return parts


def _number(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise ArgumentInvalid(name, f"a number, but '{text[:40]}'") from error
