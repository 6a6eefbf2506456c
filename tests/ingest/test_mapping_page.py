"""The page of the mapping language names every word of it, and its example is a mapping that is taken."""

import re
from dataclasses import fields
from datetime import date
from pathlib import Path

import pytest

from ingest import ingest_feed, ingest_feeds, load_source
from ingest.conditions import TESTS, Severity
from ingest.mapping import FileFormat
from ingest.mapping_files import read_mapping
from ingest.mapping_words import KEYS, TRANSFORM_WORDS
from tests.ingest.conftest import KEY


@pytest.fixture(scope="module")
def page(project_root: Path) -> str:
    return (project_root / "docs" / "mapping.md").read_text(encoding="utf-8")


def rows_under(page: str, header: str) -> list[list[str]]:
    lines = page.split(header, 1)[1].split("\n\n", 1)[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def words(cell: str) -> list[str]:
    return re.findall(r"`(\w+)`", cell)


def test_every_transformation_is_there_with_its_options(page: str) -> None:
    rows = rows_under(page, "| transformation | reads | options | gives |")
    assert {words(name)[0]: (reads, set(words(options))) for name, reads, options, _ in rows} == {
        name: (known.columns, {*known.needs, *known.allows} - {"null_when"}) for name, known in TRANSFORM_WORDS.items()
    }
    assert {name for name, known in TRANSFORM_WORDS.items() if known.columns == "one"} == {
        name for name, known in TRANSFORM_WORDS.items() if "null_when" in known.allows
    }


def test_every_test_and_severity_is_there(page: str) -> None:
    tests = [word for row in rows_under(page, "| test | `value` | holds when the column |") for word in words(row[0])]
    assert sorted(tests) == sorted(TESTS)
    severities = [words(row[0])[0] for row in rows_under(page, "| severity | what becomes of the row |")]
    assert severities == [severity.value for severity in Severity]


def test_every_key_is_there_with_its_default(page: str) -> None:
    rows = rows_under(page, "| key | default | meaning |")
    shown = {words(row[0])[0]: row[1] for row in rows}
    defaults = {item.name: item.default for item in fields(FileFormat)}
    assert set(shown) == set(KEYS["format"]) == set(defaults)
    assert shown == {
        name: f"`{list(value) if isinstance(value, tuple) else str(value).lower() if isinstance(value, bool) else value}`"
        for name, value in defaults.items()
    }
    for block, header in (("source", "## source.yaml"), ("feed", "## FEED.yaml")):
        keys = {word for row in rows_under(page, f"{header}\n") for word in words(row[0])}
        assert keys == set(KEYS[block]), block
    text = set(words(page))
    assert {key for keys in KEYS.values() for key in keys} <= text


def test_the_example_is_taken(page: str, tmp_path: Path) -> None:
    example = page.split("```yaml\n", 1)[1].split("```", 1)[0]
    (tmp_path / "sales_lines.yaml").write_text(example)
    mapping = read_mapping(tmp_path / "sales_lines.yaml")
    assert mapping.format.delimiter == ";"
    assert mapping.personal == ("card",)


def test_the_example_of_a_plan_fills_its_table(page: str, shop, lake, tmp_path: Path) -> None:
    ingest_feeds(shop, lake, pseudonym_key=KEY, run_id="run_1")
    (tmp_path / "mapping" / "planned_prices.yaml").write_text(page.split("```yaml\n", 2)[2].split("```", 1)[0])
    plan = ["article;shop;week;price;decided", "a1;ALL;15;1.20;2024-03-31 23:30:00", "a1;s1;15;999;2024-03-20 09:00:00"]
    (shop.folder / "price_plan.csv").write_text("\n".join([*plan, ""]))
    source = load_source(tmp_path / "mapping", shop.folder)
    report = ingest_feed(source, "planned_prices", lake, pseudonym_key=KEY, run_id="run_2")
    assert (report.accepted, report.by_rule) == (1, {"price.draft": 1})
    (row,) = lake.arrow("planned_prices").to_pylist()
    assert (row["store_id"], row["week_start"], row["announced_on"]) == (None, date(2024, 4, 8), date(2024, 3, 31))
