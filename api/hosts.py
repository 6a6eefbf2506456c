"""The name in a host as requests write it."""

__all__ = ["host_name"]


def host_name(host: str) -> str:
    """Return a host in small letters, without its port."""
    given = host.lower()
    return given.rsplit(":", 1)[0] if given.rpartition(":")[2].isdigit() and not given.endswith("]") else given
