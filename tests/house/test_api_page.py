"""The API's page names what the schema and the error table hold. Imports the schema; starts no server."""

import re
from pathlib import Path

import pytest
from graphql import GraphQLObjectType, GraphQLUnionType

from api.body import MAXIMUM_BODY
from api.border import KNOWN_ROUTES
from api.error_map import ERROR_MAP, INTERNAL
from api.graphql.cost import LIST_BOUNDS
from api.graphql.documents import Limits
from api.graphql.schema import build_schema


@pytest.fixture(scope="module")
def page(project_root: Path) -> str:
    return (project_root / "docs" / "api.md").read_text()


@pytest.fixture(scope="module")
def types() -> dict[str, object]:
    return {name: kind for name, kind in build_schema({}).compiled.type_map.items() if not name.startswith("__")}


def row_of(page: str, name: str) -> str:
    """The line of a table whose first cell names `name`."""
    rows = [line for line in page.splitlines() if line.startswith("|") and f"`{name}`" in line.split("|")[1]]
    assert rows, f"no row for {name}"
    return rows[0]


def missing_words(page: str, names: list[str]) -> list[str]:
    words = set(re.findall(r"\w+", page))
    return [name for name in names if name not in words]


def test_every_root_field_has_a_row_with_its_arguments(page: str, types: dict) -> None:
    fields = types["Query"].fields
    assert len(fields) >= 11
    for name, field in fields.items():
        row = row_of(page.partition("## Root fields")[2], name)
        if "as above" not in row:
            assert missing_words(row, list(field.args)) == [], name


def test_every_problem_of_a_root_field_stands_in_its_row(page: str, types: dict) -> None:
    for name, field in types["Query"].fields.items():
        kind = field.type.of_type if hasattr(field.type, "of_type") else field.type
        row = row_of(page.partition("## Root fields")[2], name)
        if isinstance(kind, GraphQLUnionType) and "the same problems" not in row:
            assert missing_words(row, [member.name for member in kind.types]) == [], name


@pytest.mark.parametrize("name", ["Product", "Decision"])
def test_every_field_of_the_two_large_types_has_a_row(page: str, types: dict, name: str) -> None:
    section = page.partition(f"### {name}\n")[2].partition("\n### ")[0]
    assert len(types[name].fields) >= 14
    for field in types[name].fields:
        row_of(section, field)


def test_every_type_and_field_is_named(page: str, types: dict) -> None:
    objects = [kind for kind in types.values() if isinstance(kind, GraphQLObjectType) and kind.name != "Query"]
    assert len(objects) >= 30
    fields = [field for kind in objects for field in kind.fields]
    named = [kind.name for kind in objects if kind.name not in ("ProductEdge", "SearchEdge")]
    assert missing_words(page, [*named, *fields]) == []


def test_every_code_has_its_status(page: str) -> None:
    answers = {answer.code: answer for answer in [*ERROR_MAP.values(), INTERNAL]}
    assert len(answers) >= 18
    for code, answer in answers.items():
        assert row_of(page, code).split("|")[2].strip() == str(answer.status), code


def test_every_code_of_a_refused_document_has_a_row(page: str, project_root: Path) -> None:
    folder = project_root / "api"
    text = "\n".join((folder / "graphql" / name).read_text() for name in ("documents.py", "endpoint.py"))
    codes = set(re.findall(r'"([A-Z]+_[A-Z_]+)"', text)) | {"MISDIRECTED"}
    assert len(codes) >= 9
    for code in codes:
        row_of(page, code)


def test_limits_and_bounds_are_those_of_the_code(page: str) -> None:
    for name in ("characters", "tokens", "depth", "aliases", "directives", "objects", "points"):
        found = re.search(rf"^\| {name} \| ([\d,]+)", page, flags=re.MULTILINE)
        assert found is not None, name
        assert int(found.group(1).replace(",", "")) == getattr(Limits(), name)
    assert f"| root fields | {Limits().root_fields} |" in page
    for name, bound in LIST_BOUNDS.items():
        assert f"`{name.partition('.')[2]}` {bound}" in page
    assert f"{MAXIMUM_BODY // 1024} KiB" in page


def test_every_route_is_named(page: str) -> None:
    for route in KNOWN_ROUTES:
        row_of(page, route)
