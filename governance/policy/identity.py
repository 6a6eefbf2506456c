"""The development identity: all roles, and only where nobody else can reach the server."""

import ipaddress

from governance.policy.authorisation import Principal, Role
from governance.policy.errors import IdentityNotAvailable

__all__ = ["development_principal", "is_loopback"]


def is_loopback(host: str) -> bool:
    """Return whether a listening address can only be reached from this machine. Names other than `localhost` are not trusted."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def development_principal(host: str) -> Principal:
    """Return the identity with every role for a server that listens on loopback. Raises: IdentityNotAvailable."""
    if not is_loopback(host):
        raise IdentityNotAvailable(host)
    return Principal("development", frozenset(Role))
