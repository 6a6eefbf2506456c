"""Cursors of lists: opaque, bound to the list they were given out for and to the graph version, and authenticated."""

import base64
import binascii
import hashlib
import hmac
import json
from dataclasses import dataclass
from typing import Any

from api.errors import CursorInvalid, CursorOfAnotherVersion
from api.fast_bytes import fast_canonical_bytes

__all__ = ["CursorMint"]

TAG_BYTES = 12
MAXIMUM_LENGTH = 1000


@dataclass(frozen=True, slots=True)
class CursorMint:
    """Gives out and reads cursors.

    A cursor holds the graph version and the key after which the list goes on (a keyset, not an offset into something that
    may shift), and a tag over both and over the list's name and filters.

    Args:
        key: replicas that share it accept each other's cursors.
        graph_version: the version that is served.
    """

    key: bytes
    graph_version: str

    def give(self, scope: str, position: Any) -> str:
        """Return the cursor of a position in the list that `scope` describes."""
        body = fast_canonical_bytes([self.graph_version, position])
        return base64.urlsafe_b64encode(self._tag(scope, body) + body).decode().rstrip("=")

    def read(self, scope: str, cursor: str) -> Any:
        """Return the position of a cursor. Raises: CursorInvalid, CursorOfAnotherVersion."""
        try:
            raw = base64.b64decode(cursor[:MAXIMUM_LENGTH] + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError) as error:
            raise CursorInvalid from error
        tag, body = raw[:TAG_BYTES], raw[TAG_BYTES:]
        if not hmac.compare_digest(tag, self._tag(scope, body)):
            raise CursorInvalid
        version, position = json.loads(body)
        if version != self.graph_version:
            raise CursorOfAnotherVersion(version, self.graph_version)
        return position

    def _tag(self, scope: str, body: bytes) -> bytes:
        content = len(scope.encode()).to_bytes(4, "big") + scope.encode() + body
        return hmac.new(self.key, content, hashlib.sha256).digest()[:TAG_BYTES]
