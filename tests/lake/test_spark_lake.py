"""Spark reads the same tables and counts the same: events and evidence on one tiny chain, in one Spark that we start and stop."""

import os
import re
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from features.household_segments import household_segments
from features.known_future import event_columns, planned_price_matrix, store_event_columns
from features.relation_events import EVENT_KINDS, detect_events
from features.relation_evidence import EVIDENCE_KINDS, EvidenceNeed, EvidenceScopes
from features.relation_evidence_agreement import evidence_agreement, largest_difference
from features.relation_evidence_baskets import BasketNeed
from features.relation_evidence_households import HouseholdNeed
from features.relation_evidence_switching import SwitchingNeed
from features.store_clusters import store_clusters
from kg.java import bundled_java
from lake.delta_lake import DeltaLake
from lake.errors import JavaMissing, SparkNotStarted, TableMissing
from lake.spark_engine import SparkEngine
from lake.spark_lake import SparkLake
from tests.features_relations.event_world import AS_OF, CLUSTERS, SEGMENTS, write_chain
from tests.known_future_worlds import AS_OF as PLAN_DAY
from tests.known_future_worlds import PRODUCTS, STORES, WEEKS, known_future_lake

pytestmark = [
    pytest.mark.command_line,
    pytest.mark.timeout(900),
    pytest.mark.filterwarnings("ignore:PySpark does not yet fully support pandas:FutureWarning"),
]
TOLERANCE = 1e-9
QUICK_JAVA = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
SMALL_DATA = {
    "spark.sql.shuffle.partitions": "1",
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
}


@pytest.fixture(scope="module")
def engine():
    running = SparkEngine(bundled_java(), cores=1, memory="1g", java_options=QUICK_JAVA, settings=SMALL_DATA)
    yield running
    running.stop()
    assert not Path(f"/proc/{running.pid}").exists()
    assert not running.folder.exists()
    running.stop()


@pytest.fixture(scope="module")
def lakes(engine, tmp_path_factory):
    duck = write_chain(tmp_path_factory.mktemp("chain"))
    return duck, SparkLake(duck, engine)


def test_a_table_is_read_at_its_version(engine, tmp_path):
    files = DeltaLake(tmp_path, threads=1)
    spark = SparkLake(files, engine)
    rows = pa.table({"number": pa.array([1, None, 3]), "day": pa.array([date(2024, 1, 1), None, date(2024, 3, 1)], pa.date32())})
    spark.replace("facts", rows)
    assert spark.arrow("facts").equals(rows)
    assert spark.names() == ("facts",)
    held = spark.table("facts")
    spark.append("facts", pa.table({"number": [4], "day": pa.array([None], pa.date32())}))
    assert sorted(spark.arrow("facts", ("number",))["number"].drop_null().to_pylist()) == [1, 3, 4]
    assert spark.to_arrow(held.filter(held.number > 1).select("number"))["number"].to_pylist() in ([3], [3, 4])
    assert spark.version("facts") == files.version("facts")
    spark.replace("facts", rows.slice(0, 0))
    assert (spark.arrow("facts").num_rows, spark.arrow("facts").schema) == (0, rows.schema)
    with pytest.raises(TableMissing):
        spark.table("nothing")


def test_events_are_the_same(lakes):
    duck, spark = (detect_events(lake, AS_OF, clusters=CLUSTERS) for lake in lakes)
    assert largest_difference(duck, spark) < TOLERANCE
    assert set(duck["kind"].to_pylist()) == set(EVENT_KINDS)


def test_evidence_is_the_same(lakes):
    need = EvidenceNeed(BasketNeed(1, 1, 0.0), SwitchingNeed(1, 0.0, 0.0), HouseholdNeed(1, 1))
    found = evidence_agreement(*lakes, AS_OF, EvidenceScopes(CLUSTERS, SEGMENTS), need=need)
    assert [one.kind for one in found] == list(EVIDENCE_KINDS)
    for one in found:
        assert one.difference < TOLERANCE, one
        assert one.rows > 40


def test_clusters_and_segments_are_the_same(lakes):
    for read in (store_clusters, household_segments):
        duck, spark = (read(lake, AS_OF) for lake in lakes)
        assert duck.equals(spark)


def test_plans_and_events_are_the_same(engine, tmp_path):
    duck = known_future_lake(tmp_path, 5)
    shelves = pa.table({"product_id": [p for p in PRODUCTS for _ in STORES], "store_id": STORES * len(PRODUCTS)})
    here, there = (
        [
            planned_price_matrix(lake, pa.table({"product_id": PRODUCTS}), WEEKS, PLAN_DAY),
            planned_price_matrix(lake, shelves, WEEKS, PLAN_DAY),
            *event_columns(lake, WEEKS, PLAN_DAY).values(),
            *store_event_columns(lake, STORES, WEEKS, PLAN_DAY).values(),
        ]
        for lake in (duck, SparkLake(duck, engine))
    )
    assert len(here) == 12
    for one, other in zip(here, there, strict=True):
        np.testing.assert_array_equal(one, other)
        assert np.nansum(one) > 0


def test_it_listens_on_the_loopback_address_alone(engine):
    addresses = listening(engine.pid)
    assert addresses
    assert {address for address in addresses if address not in LOOPBACK} == set()
    assert not [name for name in os.environ if name.startswith("PYSPARK_GATEWAY")]


LOOPBACK = {"0100007F", "0000000000000000FFFF00000100007F", "00000000000000000000000001000000"}


def listening(pid: int) -> list[str]:
    """Return the local addresses, as the kernel writes them, of the sockets that a process listens on."""
    links = [str(entry.readlink()) for entry in Path(f"/proc/{pid}/fd").iterdir() if entry.is_symlink()]
    own = {match[1] for link in links if (match := re.fullmatch(r"socket:\[(\d+)\]", link))}
    rows = [line.split() for name in ("tcp", "tcp6") for line in Path(f"/proc/{pid}/net/{name}").read_text().splitlines()[1:]]
    return [row[1].split(":")[0] for row in rows if row[3] == "0A" and row[9] in own]


@pytest.mark.parametrize(("java", "error"), [("/no/such/java", JavaMissing), ("/bin/false", SparkNotStarted)])
def test_without_a_java_it_says_what_is_missing(engine, java, error):
    with pytest.raises(error) as told:
        SparkEngine(Path(java))
    assert "version 17 or newer" in told.value.remedy
