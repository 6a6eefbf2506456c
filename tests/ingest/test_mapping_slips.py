"""Slips in a mapping are told before a file is opened, by the place in the YAML; a household's number has one way out."""

import re
from pathlib import Path

import pytest
import yaml

from ingest import load_source
from ingest.errors import ConfigurationInvalid
from ingest.mapping_words import TRANSFORM_WORDS
from ingest.transforms import SEVERAL, TRANSFORMS

SOURCE = {"name": "s", "title": "S", "currency": "EUR", "business_time_zone": "Europe/Berlin"}
FEED = {
    "feed": "sales_lines",
    "file": "till.csv",
    "columns": {
        "basket_id": {"from": "receipt"},
        "product_id": {"from": "article"},
        "household_id": {"from": "card", "transform": "pseudonym"},
        "store_id": {"from": "shop"},
        "sold_at": {"from": "time", "transform": "instant"},
        "business_date": {"from": "time", "transform": "local_date"},
        "week_start": {"from": "time", "transform": "local_week"},
        "quantity": {"from": "units"},
        "net_sales": {"from": ["units", "price"], "transform": "product"},
        "retail_discount": {"from": "rebate", "transform": "absolute"},
        "coupon_discount": {"transform": "constant", "value": 0},
        "coupon_match_discount": {"transform": "constant", "value": 0},
        "merchandise": {"from": "article", "transform": "lookup", "table": "products", "key": "product_id",
                        "column": "merchandise"},
    },
}  # fmt: skip
RULE = {"name": "r", "severity": "reject", "description": "d", "when": [{"column": "quantity", "test": "above", "value": 1}]}


def written(folder: Path, feed: dict[str, object], source: dict[str, object] | None = None) -> Path:
    (folder / "source.yaml").write_text(yaml.safe_dump(source or SOURCE))
    (folder / "sales_lines.yaml").write_text(yaml.safe_dump(feed))
    return folder


def with_column(name: str, **entry: object) -> dict[str, object]:
    entry = {key.rstrip("_"): value for key, value in entry.items()}
    return FEED | {"columns": FEED["columns"] | {name: entry}}


def with_rule(**changed: object) -> dict[str, object]:
    return FEED | {"rules": [RULE | changed]}


def condition(**entry: object) -> dict[str, object]:
    return with_rule(when=[entry])


SLIPS = {
    "unknown transformation": (with_column("quantity", from_="units", transform="abs"), "'abs' is no transformation"),
    "unknown encoding": (FEED | {"format": {"encoding": "utf-88"}}, "'utf-88' is no encoding"),
    "long delimiter": (FEED | {"format": {"delimiter": "||"}}, "must be one character"),
    "empty as a text": (FEED | {"format": {"empty": "-"}}, "must be a list of texts"),
    "newline as a word": (FEED | {"format": {"final_newline": "maybe"}}, "must be true or false"),
    "unknown format": (FEED | {"format": {"name": "xlsx"}}, "'xlsx' is no file format"),
    "unknown format key": (FEED | {"format": {"separator": ";"}}, "`format` has no key separator"),
    "unknown key of the feed": (FEED | {"aggergate": {}}, "`feed` has no key aggergate"),
    "no columns": ({name: FEED[name] for name in ("feed", "file")}, "it lacks 'columns'"),
    "unknown feed": (FEED | {"feed": "sales"}, "no feed 'sales'"),
    "unknown column": (with_column("colour", from_="x"), "the contract has no column colour"),
    "option missing": (with_column("week_start", from_="w", transform="week_of_number"), "lacks first_monday"),
    "first day no Monday": (
        with_column("week_start", from_="w", transform="week_of_number", first_monday="2024-01-02"), "is no Monday",
    ),
    "first day no day": (
        with_column("week_start", from_="w", transform="week_of_number", first_monday="soon"), "Invalid isoformat",
    ),
    "lookup without a table": (with_column("merchandise", from_="a", transform="lookup"), "lacks column, key, table"),
    "lookup of no column": (
        with_column("merchandise", from_="a", transform="lookup", table="products", key="product_id", column="goods"),
        "has no column goods",
    ),
    "lookup in no table": (
        with_column("merchandise", from_="a", transform="lookup", table="goods", key="a", column="b"), "no feed 'goods'",
    ),
    "unknown option": (with_column("quantity", from_="units", unit="kg"), "does not know unit"),
    "two columns for one": (with_column("quantity", from_=["units", "price"]), "reads one of the file's columns"),
    "no column": (with_column("quantity"), "`from` names 0"),
    "column for a constant": (with_column("quantity", from_="units", transform="constant", value=1), "`from` names 1"),
    "constant of another type": (with_column("quantity", transform="constant", value="one"), "is no number"),
    "wrong type": (with_column("quantity", from_="units", transform="instant"), "does not give a number"),
    "unknown zone": (with_column("sold_at", from_="time", transform="instant", zone="Mars/Base"), "is no time zone"),
    "bad pattern": (with_column("merchandise", from_="a", transform="matches", pattern="("), "cannot be used"),
    "values no list": (with_column("merchandise", from_="a", transform="among", values="FUEL"), "must be a list"),
    "negated no truth": (
        with_column("merchandise", from_="a", transform="among", values=["FUEL"], negated="no!"), "must be true or false",
    ),
    "rule on no column": (condition(column="colour", test="missing"), "names the column colour"),
    "rule without a test": (condition(column="quantity"), "it lacks 'test'"),
    "rule of an unknown test": (condition(column="quantity", test="bigger", value=1), "'bigger' is no test"),
    "rule that compares apples": (condition(column="quantity", test="above", value="a lot"), "cannot be tried"),
    "rule that cannot be matched": (condition(column="basket_id", test="matches", value="("), "cannot be tried"),
    "rule of a table": (condition(column="quantity", test="unknown_in", value="products.product_id"), "for the contract"),
    "rule of no severity": (with_rule(severity="warn"), "'warn' is not a valid Severity"),
    "rule without a condition": (with_rule(when=[]), "has no condition"),
    "rule with a slip": (with_rule(reason="x"), "`rules` has no key reason"),
    "aggregate of no column": (FEED | {"aggregate": {"sum": ["units"]}}, "names the column units"),
    "aggregate of words": (FEED | {"aggregate": {"sum": ["store_id"]}}, "cannot sum store_id"),
    "aggregate of the key": (FEED | {"aggregate": {"sum": [], "smallest": ["basket_id"]}}, "a part of the key"),
    "sightings without a column": (FEED | {"entities": {"seen_in": [{"file": "f", "column": "c"}]}}, "needs both"),
    "personal as a text": (FEED | {"personal": "card"}, "must be a list of column names"),
    "no mapping at all": (["x"], "not valid"),
}  # fmt: skip


@pytest.mark.parametrize("slip", SLIPS)
def test_a_slip_is_told_with_its_place(slip: str, tmp_path: Path) -> None:
    feed, told = SLIPS[slip]
    with pytest.raises(ConfigurationInvalid, match=re.escape(told)) as caught:
        load_source(written(tmp_path, feed))
    assert "sales_lines.yaml" in caught.value.problem


def test_the_mapping_that_the_slips_are_made_from_is_taken(tmp_path: Path) -> None:
    assert len(SLIPS) == 42
    assert load_source(written(tmp_path, FEED | {"rules": [RULE]})).feed("sales_lines").file == "till.csv"


@pytest.mark.parametrize(
    ("changed", "told"),
    [({"business_time_zone": "Berlin"}, "'Berlin' is no time zone"), ({"business_time_zone": None}, "is no time zone"),
     ({"timezone": "UTC"}, "`source` has no key timezone")],
)  # fmt: skip
def test_a_slip_in_the_source_is_told(changed: dict[str, object], told: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationInvalid, match=re.escape(told)) as caught:
        load_source(written(tmp_path, FEED, SOURCE | changed))
    assert "source.yaml" in caught.value.problem


def test_the_words_are_those_of_the_transformations() -> None:
    assert set(TRANSFORM_WORDS) == {*TRANSFORMS, *SEVERAL, "constant"}
    assert {name for name, words in TRANSFORM_WORDS.items() if words.columns == "several"} == set(SEVERAL)


def test_a_household_is_personal_whether_said_or_not(tmp_path: Path) -> None:
    assert load_source(written(tmp_path, FEED)).feed("sales_lines").personal == ("card",)
    said = FEED | {"personal": ["card", "name_on_card"]}
    assert load_source(written(tmp_path, said)).feed("sales_lines").personal == ("card", "name_on_card")


@pytest.mark.parametrize(
    ("feed", "told"),
    [(with_column("household_id", from_="card"), "household_id of sales_lines"),
     (with_column("basket_id", from_="card"), "basket_id shows the household's own number card"),
     (with_column("store_id", from_=["shop", "card"], transform="compose"), "store_id shows the household's own number card")],
)  # fmt: skip
def test_a_household_s_number_is_not_let_out_by_another_way(feed: dict[str, object], told: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationInvalid, match=re.escape(told)):
        load_source(written(tmp_path, feed))
