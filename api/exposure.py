"""Exposure tokens: which product stood where and how likely that was, signed, to come back with what the customer did.

A token is base64url of a version byte, 16 bytes of HMAC-SHA-256 and the exposure as JSON. It can be read by whoever holds it and
made by nobody but this installation. It names the decision and no household: whose list it was stays in the decision log.
"""

import base64
import binascii
import hmac
from dataclasses import dataclass, fields
from datetime import date
from typing import Any

import orjson

from api.decisions_made import Made
from api.errors import ExposureTokenInvalid
from decisions.recommend.contract import RecommendationAnswer

__all__ = ["Exposure", "ExposureMint", "exposure_tokens"]

VERSION = b"\x01"
TAG_BYTES = 16
MAXIMUM_LENGTH = 1500
"""Characters of a token; longer ones are refused before they are decoded."""


@dataclass(frozen=True, slots=True)
class Exposure:
    """One product at one place of one answer.

    Args:
        propensity: the chance with which the product got the place, given those before it.
        placement: the place of the page; "" for an answer that is no page.
        issued_on: the day of the answer, UTC.
        principal: to whom it was given; nobody else's report counts.
    """

    decision_id: str
    surface: str
    placement: str
    product_id: str
    rank: int
    propensity: float
    release_id: str
    issued_on: date
    principal: str


class ExposureMint:
    """Gives out and reads tokens. Safe to share between threads.

    Args:
        key: of this installation, for tokens alone; replicas that share it accept each other's.
    """

    def __init__(self, key: bytes) -> None:
        # the key is worked in once: a tag then costs half, and one is made for every suggestion that leaves
        self._keyed = hmac.new(key, VERSION, "sha256")

    def give(self, exposure: Exposure) -> str:
        """Return the token of an exposure."""
        return self._token(orjson.dumps([getattr(exposure, field.name) for field in fields(Exposure)]))

    def give_all(
        self, exposures: list[tuple[str, int, float]], shared: tuple[str, str, str], end: tuple[str, date, str]
    ) -> list[str]:
        """Return tokens of one answer: per product its id, rank and propensity, and what all have before and behind those."""
        before, behind = orjson.dumps(shared)[:-1] + b",", b"," + orjson.dumps(end)[1:]
        return [self._token(before + orjson.dumps(one)[1:-1] + behind) for one in exposures]

    def read(self, token: str) -> Exposure:
        """Return the exposure of a token. Raises: ExposureTokenInvalid."""
        if len(token) > MAXIMUM_LENGTH:
            raise ExposureTokenInvalid
        try:
            raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError) as error:
            raise ExposureTokenInvalid from error
        version, tag, body = raw[:1], raw[1 : 1 + TAG_BYTES], raw[1 + TAG_BYTES :]
        # the last character may carry bits that decode to nothing: only the one spelling that was given out is taken
        if not hmac.compare_digest(tag, self._tag(body)) or version != VERSION or self._token(body) != token:
            raise ExposureTokenInvalid
        return _exposure(orjson.loads(body))

    def _token(self, body: bytes) -> str:
        return base64.urlsafe_b64encode(VERSION + self._tag(body) + body).rstrip(b"=").decode()

    def _tag(self, body: bytes) -> bytes:
        keyed = self._keyed.copy()
        keyed.update(body)
        return keyed.digest()[:TAG_BYTES]


def exposure_tokens(
    mint: ExposureMint, made: Made, answer: RecommendationAnswer, placement: str = "", shown: slice = slice(None)
) -> list[str]:
    """Return one token for each item of an answer that is shown, in their order.

    Args:
        mint: `front.exposures`.
        made: the decision that will be logged: its id, release, moment and principal are bound into the tokens.
        answer: `made.answer`, or of a page the answer of one placement.
        placement: the name of that placement.
        shown: which of the items leave, such as those of one page.
    """
    entry = made.entry
    places = [(item.product_id, item.rank, item.propensity) for item in answer.items[shown]]
    shared = (made.id, answer.surface.value, placement)
    return mint.give_all(places, shared, (entry.release_id, made.recorded_at.date(), entry.principal))


def _exposure(values: list[Any]) -> Exposure:
    told = dict(zip((field.name for field in fields(Exposure)), values, strict=True))
    return Exposure(**{**told, "issued_on": date.fromisoformat(told["issued_on"]), "propensity": float(told["propensity"])})
