"""Every error class of the driver has an answer of ours, and one the driver invents tomorrow makes this test fail."""

import inspect

import neo4j.exceptions as driver_errors
import pytest
from neo4j.exceptions import DriverError, Neo4jError

from kg.errors import GraphError, GraphTimeout, GraphUnavailable
from kg.neo4j_store.border import TIMEOUT_CODES, translate, translated

UNAVAILABLE = {
    "AuthConfigurationError", "AuthError", "CertificateConfigurationError", "ConfigurationError",
    "ConnectionAcquisitionTimeoutError", "ConnectionPoolError", "DatabaseUnavailable", "ForbiddenOnReadOnlyDatabase",
    "IncompleteCommit", "NotALeader", "ReadServiceUnavailable", "RoutingServiceUnavailable", "ServiceUnavailable",
    "SessionExpired", "TokenExpired", "UnsupportedServerProduct", "WriteServiceUnavailable",
}  # fmt: skip
REFUSED = {
    "BrokenRecordError", "ClientError", "ConstraintError", "CypherSyntaxError", "CypherTypeError", "DatabaseError", "DriverError",
    "Forbidden", "Neo4jError", "ResultConsumedError", "ResultError", "ResultFailedError", "ResultNotSingleError", "SessionError",
    "TransactionError", "TransactionNestingError", "TransientError",
}  # fmt: skip


def driver_classes() -> dict[str, type[Exception]]:
    members = inspect.getmembers(driver_errors, inspect.isclass)
    return {name: kind for name, kind in members if issubclass(kind, (DriverError, Neo4jError)) and not name.startswith("_")}


def made(kind: type[Exception]) -> Exception:
    if issubclass(kind, Neo4jError):
        return kind("what the server says")
    # some take a session or a result first, which the translation does not look at
    error = kind.__new__(kind)
    Exception.__init__(error, "what the driver says")
    return error


def test_every_class_of_the_driver_is_in_the_table() -> None:
    assert set(driver_classes()) == UNAVAILABLE | REFUSED
    assert len(UNAVAILABLE | REFUSED) == 34


@pytest.mark.parametrize("name", sorted(UNAVAILABLE | REFUSED))
def test_each_class_becomes_one_of_ours(name: str) -> None:
    error = translate(made(driver_classes()[name]), "reading", 2.0)
    assert type(error) is (GraphUnavailable if name in UNAVAILABLE else GraphError)
    assert len(error.problem) < 2_001
    assert error.remedy


@pytest.mark.parametrize("code", sorted(TIMEOUT_CODES))
def test_a_transaction_that_the_server_ended_is_a_timeout(code: str) -> None:
    error = Neo4jError._hydrate_neo4j(code=code, message="over")
    found = translate(error, "related", 2.5)
    assert isinstance(found, GraphTimeout)
    assert (found.operation, found.seconds) == ("related", 2.5)


def test_the_cause_is_chained_and_other_errors_pass() -> None:
    cause = made(driver_errors.ServiceUnavailable)
    with pytest.raises(GraphUnavailable) as caught, translated("reading", 1.0):
        raise cause
    assert caught.value.__cause__ is cause
    with pytest.raises(ZeroDivisionError), translated("reading", 1.0):
        raise ZeroDivisionError
