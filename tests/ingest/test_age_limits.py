"""From which age on a retailer sells what, and who agreed to be known: declared, read, and refused where it is wrong."""

from pathlib import Path

import pytest
import yaml

from ingest import ingest_feed, ingest_feeds, load_source
from ingest.errors import ConfigurationInvalid
from ingest.sources.configuration import MAPPING_FOLDER
from kit.ids import pseudonym
from tests.ingest.conftest import KEY, SOURCE

CONSENTS = """household_id,purpose,granted,valid_from,valid_to,recorded_from
CARD-777001,personalisation,true,2024-01-01,,2024-01-01 08:00:00
CARD-777001,personalisation,false,2024-02-01,,2024-02-01 08:00:00
CARD-777001,marketing,true,2024-01-01,2024-01-01,2024-01-01 08:00:00
CARD-777001,resale,true,2024-01-01,,2024-01-01 08:00:00
CARD-777001,operations,perhaps,2024-01-01,,2024-01-01 08:00:00
CARD-999999,operations,true,2024-01-01,,2024-01-01 08:00:00
CARD-777001,personalisation,true,2024-02-01,,2024-02-01 08:00:00
"""


def declared(tmp_path: Path, block: str, folder: Path):
    (tmp_path / "mapping" / "source.yaml").write_text(SOURCE + block)
    return load_source(tmp_path / "mapping", folder)


def test_limits_are_remembered_and_those_declared_last_count(shop, lake, tmp_path):
    ingest_feeds(shop, lake, pseudonym_key=KEY, run_id="run_1")
    assert lake.arrow("age_limits").num_rows == 0
    for number, (block, rows) in enumerate(
        [
            ("age_limits: {WINE: 18, CIGARS: 21}\n", [("CIGARS", 21), ("WINE", 18)]),
            ("age_limits: {WINE: 16}\n", [("WINE", 16)]),
            ("", []),
        ]
    ):
        ingest_feeds(declared(tmp_path, block, shop.folder), lake, pseudonym_key=KEY, run_id=f"run_{number + 2}")
        assert [tuple(row.values()) for row in lake.arrow("age_limits").to_pylist()] == rows


@pytest.mark.parametrize(
    "block", ["[WINE]", "{WINE: adult}", "{WINE: 0}", "{WINE: true}", "{WINE: 18.5}", "{18: 18}", "{WINE: 100}"]
)
def test_a_limit_that_is_no_number_of_years_is_refused(shop, tmp_path, block):
    with pytest.raises(ConfigurationInvalid, match="age"):
        declared(tmp_path, f"age_limits: {block}\n", shop.folder)


def test_the_demo_data_declare_limits_for_alcohol_and_tobacco():
    source = load_source("completejourney")
    assert {"LIQUOR", "BEERS/ALES", "CIGARETTES", "TOBACCO OTHER"} <= set(source.age_limits)
    assert set(source.age_limits.values()) == {21}
    assert (
        dict(source.age_limits) == yaml.safe_load((MAPPING_FOLDER / "completejourney" / "source.yaml").read_text())["age_limits"]
    )


def test_consents_come_by_the_road_of_every_feed(shop, lake, tmp_path):
    ingest_feeds(shop, lake, pseudonym_key=KEY, run_id="run_1")
    file = tmp_path / "consents.csv"
    file.write_text(CONSENTS)
    source = shop.reading("household_consents", file)
    report = ingest_feed(source, "household_consents", lake, pseudonym_key=KEY, run_id="run_2", file=file)
    assert (report.rows_in, report.accepted, report.quarantined, report.duplicates) == (7, 2, 5, 0)
    assert report.by_rule == {
        "valid_to.after_valid_from": 1, "purpose.allowed": 1, "granted.type": 1, "household_id.reference": 1, "key.taken": 1,
    }  # fmt: skip
    rows = lake.arrow("household_consents").to_pylist()
    assert {row["household_id"] for row in rows} == {pseudonym(KEY, "hh_", "CARD-777001")}
    assert [(row["purpose"], row["granted"], row["simulated"]) for row in rows] == [
        ("personalisation", True, False), ("personalisation", False, False),
    ]  # fmt: skip
