"""PolicyError
├── NotAuthorised          the principal may not do this
└── IdentityNotAvailable   no identity can be given on this address
"""

from kit.errors import ShelfgraphError

__all__ = ["IdentityNotAvailable", "NotAuthorised", "PolicyError"]


class PolicyError(ShelfgraphError):
    """Something that the policy does not allow."""


class NotAuthorised(PolicyError):
    """The principal may not do this. The text does not say whether what was asked for exists."""

    def __init__(self, operation: str) -> None:
        self.operation = operation
        super().__init__(f"You may not use '{operation}'.", "Ask the owner of this service for a role that includes it.")


class IdentityNotAvailable(PolicyError):
    """The development identity is only given to a server that listens on loopback."""

    def __init__(self, host: str) -> None:
        self.host = host
        super().__init__(
            f"The development identity is not given on the address '{host[:80]}'.",
            "Listen on 127.0.0.1, and put an authenticating proxy in front.",
        )
