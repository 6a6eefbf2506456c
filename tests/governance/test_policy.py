"""Every pair of role set and operation against a table that was written by hand, not read from the code."""

from itertools import combinations

import pytest

from governance.policy import (
    GRANTS,
    IdentityNotAvailable,
    NotAuthorised,
    Operation,
    Principal,
    Role,
    authorise,
    development_principal,
    is_loopback,
    policy_digest,
    require,
)

#                            merchandiser  recommendation_client  planner  data_steward  auditor  owner
ORACLE = """
read_product                       +                 +               +           +          +       +
search                             +                 +               +           +          +       +
read_relations                     +                 +               +           +          +       +
recommend                          +                 +               -           +          -       +
recommend_for_household            -                 +               -           +          -       +
forecast                           +                 -               +           +          -       +
plan_assortment                    +                 -               +           +          -       +
read_node                          +                 +               +           +          +       +
read_household                     -                 +               -           +          -       +
read_decision                      -                 -               -           +          +       +
record_outcome                     -                 +               -           +          -       +
send_events                        -                 +               -           +          -       +
read_health                        +                 +               +           +          +       +
read_plans                         +                 -               +           +          +       +
plan                               +                 -               +           -          -       +
override_forecast                  -                 -               +           -          -       +
run_jobs                           +                 -               +           +          -       +
see_all_jobs                       -                 -               -           +          +       +
"""
ROLES = ("merchandiser", "recommendation_client", "planner", "data_steward", "auditor", "owner")


def oracle() -> set[tuple[str, str]]:
    lines = [line.split() for line in ORACLE.strip().splitlines()]
    return {(name, role) for name, *marks in lines for role, mark in zip(ROLES, marks, strict=True) if mark == "+"}


@pytest.mark.requirement("R-SEC-03")
def test_all_sets_of_roles_and_all_operations_match_the_oracle():
    allowed, checked = oracle(), 0
    assert {o.value for o in Operation} == {line.split()[0] for line in ORACLE.strip().splitlines()}
    assert {r.value for r in Role} == set(ROLES)
    for size in range(len(ROLES) + 1):
        for roles in combinations(ROLES, size):
            principal = Principal("p", frozenset(Role(r) for r in roles))
            for operation in Operation:
                expected = any((operation.value, role) in allowed for role in roles)
                assert authorise(principal, operation).allowed is expected, (roles, operation)
                checked += 1
    assert checked == 64 * 18


@pytest.mark.requirement("R-SEC-02")
def test_what_the_table_does_not_name_is_denied(monkeypatch):
    everyone = Principal("p", frozenset(Role))
    monkeypatch.delitem(GRANTS, Operation.SEARCH)
    assert not authorise(everyone, Operation.SEARCH).allowed
    with pytest.raises(NotAuthorised, match="search"):
        require(everyone, Operation.SEARCH)


def test_every_operation_has_a_row():
    assert set(GRANTS) == set(Operation)


def test_the_digest_changes_with_every_single_grant(monkeypatch):
    seen = {policy_digest()}
    for operation in Operation:
        for role in Role:
            with monkeypatch.context() as patch:
                patch.setitem(GRANTS, operation, GRANTS[operation] ^ {role})
                seen.add(policy_digest())
    assert len(seen) == 1 + len(Operation) * len(Role)
    assert policy_digest() in seen


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "127.8.8.8"])
def test_the_development_identity_is_given_on_loopback(host):
    assert is_loopback(host)
    assert development_principal(host).roles == frozenset(Role)


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "::", "", "192.168.1.5", "example.org", "127.0.0.1.example.org", "localhost.evil", "1"]
)
def test_the_development_identity_is_refused_elsewhere(host):
    assert not is_loopback(host)
    with pytest.raises(IdentityNotAvailable):
        development_principal(host)
