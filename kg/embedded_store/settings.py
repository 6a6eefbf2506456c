"""How much the embedded store may take, and how patient it is."""

from dataclasses import dataclass

__all__ = ["EmbeddedSettings"]


@dataclass(frozen=True, slots=True)
class EmbeddedSettings:
    """Seconds are limits for one call, waiting for its turn included."""

    buffer_pool_bytes: int = 1 << 30
    threads: int = 2
    read_timeout_seconds: float = 30.0
    write_timeout_seconds: float = 300.0
    """For one batch, and for an export."""
    open_timeout_seconds: float = 0.0
    """How long to wait while another process has the store open."""
