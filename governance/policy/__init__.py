"""Pure rules: who may do what. No clock, no files, no network."""

from governance.policy.authorisation import GRANTS, Operation, Principal, Role, Verdict, authorise, policy_digest, require
from governance.policy.errors import IdentityNotAvailable, NotAuthorised, PolicyError
from governance.policy.identity import development_principal, is_loopback

__all__ = [
    "GRANTS",
    "IdentityNotAvailable",
    "NotAuthorised",
    "Operation",
    "PolicyError",
    "Principal",
    "Role",
    "Verdict",
    "authorise",
    "development_principal",
    "is_loopback",
    "policy_digest",
    "require",
]
