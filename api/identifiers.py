"""Global ids of nodes, as Relay wants them: opaque, unique over all labels, and reversible for us."""

import base64
import binascii
from functools import lru_cache

from kg.ports import NodeRef

__all__ = ["global_id", "node_ref", "plain_id"]

MAXIMUM_LENGTH = 1000
KEPT = 4096
"""Ids that were read of late: at most some 5 MB."""


def global_id(label: str, id: str) -> str:
    """Return the opaque id of a node: URL-safe Base64 of `label:id`, without padding."""
    return base64.urlsafe_b64encode(f"{label}:{id}".encode()).decode().rstrip("=")


@lru_cache(KEPT)
def node_ref(text: str) -> NodeRef | None:
    """Return the node that a global id names, or None when the text is none."""
    if len(text) > MAXIMUM_LENGTH:
        return None
    try:
        decoded = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        return None
    label, separator, inner = decoded.partition(":")
    return NodeRef(label, inner) if separator and global_id(label, inner) == text else None


def plain_id(label: str, text: str) -> str:
    """Return the id within a label for a global id of that label; any other text is taken as the id itself."""
    ref = node_ref(text)
    return ref.id if ref is not None and ref.label == label else text
