"""Bytes that are hashed once, however often they are written down."""

import hashlib
from functools import cached_property

__all__ = ["HashedBytes", "sha256_of"]


class HashedBytes(bytes):
    """Bytes that remember their SHA-256 once it was asked for."""

    @cached_property
    def sha256(self) -> bytes:
        """The digest, 32 bytes."""
        return hashlib.sha256(self).digest()


def sha256_of(content: bytes) -> bytes:
    """Return the SHA-256 of any bytes, remembered where they can."""
    return content.sha256 if isinstance(content, HashedBytes) else hashlib.sha256(content).digest()
