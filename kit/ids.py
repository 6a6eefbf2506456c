"""Identifiers: stable ones from content, ordered ones from time, pseudonyms from a key."""

import hashlib
import hmac
import secrets
import time

__all__ = ["ordered_id", "pseudonym", "stable_id"]


def stable_id(*parts: str) -> str:
    """Return 32 hexadecimal characters that depend on `parts` and their order alone."""
    joined = "\x1f".join(parts)
    return hashlib.sha256(joined.encode()).hexdigest()[:32]


def ordered_id(prefix: str) -> str:
    """Return a fresh id that sorts by creation time: `prefix_` and 12 hexadecimal digits of milliseconds, 16 random."""
    return f"{prefix}_{time.time_ns() // 1_000_000:012x}{secrets.token_hex(8)}"


def pseudonym(key: bytes, prefix: str, value: str) -> str:
    """Return `prefix` and 20 hexadecimal characters of HMAC-SHA-256: the same for the same key and value."""
    return prefix + hmac.new(key, value.encode(), hashlib.sha256).hexdigest()[:20]
