"""Constant queries that turn the lake's facts into nodes and edges of the graph's vocabulary.

Every query reads the view `bounds`, whose one row holds `as_of`: what is dated later is not there. People never see a
bare number, so each node gets a composed `display_name`.
"""

from dataclasses import dataclass

__all__ = ["EDGE_QUERIES", "NODE_QUERIES", "FactQuery"]


@dataclass(frozen=True, slots=True)
class FactQuery:
    """One label or relation, the tables its facts come from, and the query over them."""

    term: str
    tables: tuple[str, ...]
    sql: str


_SENTENCE_CASE = "upper(substr({0}, 1, 1)) || lower(substr({0}, 2))"
_CATEGORY_PATHS = f"""
    WITH paths AS (
        SELECT DISTINCT department AS d, category AS c, CASE WHEN category IS NULL THEN NULL ELSE product_type END AS t
        FROM products WHERE department IS NOT NULL
    ), levels AS (
        SELECT DISTINCT d AS id, NULL AS parent, 'department' AS level, d AS notation FROM paths
        UNION ALL SELECT DISTINCT d || ' > ' || c, d, 'category', c FROM paths WHERE c IS NOT NULL
        UNION ALL SELECT d || ' > ' || c || ' > ' || t, d || ' > ' || c, 'type', t FROM paths WHERE t IS NOT NULL
    )
    SELECT id, parent, level, notation, {_SENTENCE_CASE.format("notation")} AS display_name FROM levels
"""
_NARROWEST_CATEGORY = """
    department || coalesce(' > ' || category, '')
    || CASE WHEN category IS NULL THEN '' ELSE coalesce(' > ' || product_type, '') END
"""
_SALES = "sales_lines WHERE business_date <= (SELECT as_of FROM bounds)"
# the contract gives a basket one household and one store, so the smallest is the only one
_BASKETS = f"""
    SELECT basket_id, min(household_id) AS household_id, min(store_id) AS store_id, min(sold_at) AS sold_at,
           min(business_date) AS business_date, sum(net_sales) AS net_sales
    FROM {_SALES} GROUP BY basket_id
"""

# Consecutive weeks of one product under one mechanic are one promotion; its stores are those of its widest week.
_PROMOTIONS = """
    WITH weeks AS (
        SELECT product_id, 'display' AS mechanic, week_start, count(DISTINCT store_id) AS stores,
               list_sort(list(DISTINCT display_location)) AS locations
        FROM promotion_weeks WHERE display_location IS NOT NULL AND week_start <= (SELECT as_of FROM bounds) GROUP BY ALL
        UNION ALL
        SELECT product_id, 'mailer', week_start, count(DISTINCT store_id), list_sort(list(DISTINCT mailer_location))
        FROM promotion_weeks WHERE mailer_location IS NOT NULL AND week_start <= (SELECT as_of FROM bounds) GROUP BY ALL
    ), numbered AS (
        SELECT *, week_start - 7 * (row_number() OVER (PARTITION BY product_id, mechanic ORDER BY week_start))::INTEGER AS run
        FROM weeks
    ), runs AS (
        SELECT product_id, mechanic, run, min(week_start) AS valid_from, max(week_start) + 7 AS valid_to, max(stores) AS stores,
               list_sort(list_distinct(flatten(list(locations)))) AS locations
        FROM numbered GROUP BY ALL
    ), chain AS (
        SELECT count(DISTINCT store_id) AS promoted_stores FROM promotion_weeks WHERE week_start <= (SELECT as_of FROM bounds)
    )
    SELECT product_id || ':' || mechanic || ':' || valid_from AS id, product_id, mechanic, locations, valid_from, valid_to,
           stores::BIGINT AS stores, stores / promoted_stores::DOUBLE AS coverage,
           CASE mechanic WHEN 'display' THEN 'In-store display' ELSE 'Mailer' END || ' ' || array_to_string(locations, ', ')
           || ' · ' || valid_from || ' to ' || (valid_to - 1) || ' · ' || stores
           || CASE stores WHEN 1 THEN ' store' ELSE ' stores' END AS display_name
    FROM runs, chain
"""
_SESSIONS = "session_events WHERE business_date <= (SELECT as_of FROM bounds)"

NODE_QUERIES: tuple[FactQuery, ...] = (
    FactQuery(
        "Product",
        ("products", "sales_lines"),
        f"""
        WITH sold AS (
            SELECT product_id, min(business_date) AS first_sold, max(business_date) AS last_sold FROM {_SALES} GROUP BY 1
        ),
        named AS (
            SELECT *, nullif(trim(coalesce(name, '')), '') AS given FROM products
        )
        SELECT product_id AS id,
               concat_ws(' · ', {_SENTENCE_CASE.format("coalesce(given, product_type, category, department, 'Product')")},
                         nullif(trim(coalesce(size, '')), ''), brand, product_id) AS display_name,
               given AS name, product_type, size, merchandise, first_sold, last_sold
        FROM named LEFT JOIN sold USING (product_id)
        """,
    ),
    FactQuery("ProductCategory", ("products",), f"SELECT id, display_name, level, notation FROM ({_CATEGORY_PATHS})"),
    FactQuery("Brand", ("products",), "SELECT DISTINCT brand AS id, brand AS display_name FROM products WHERE brand IS NOT NULL"),
    FactQuery(
        "Supplier",
        ("products",),
        """
        SELECT DISTINCT supplier_id AS id, 'Supplier ' || supplier_id AS display_name
        FROM products WHERE supplier_id IS NOT NULL
        """,
    ),
    FactQuery(
        "Store",
        ("stores",),
        "SELECT store_id AS id, coalesce(name, 'Store ' || store_id) AS display_name, country FROM stores",
    ),
    FactQuery(
        "Household",
        ("households",),
        """
        SELECT household_id AS id, 'Household ' || substr(household_id, 4, 6) AS display_name, age_band, income_band,
               household_size, composition
        FROM households
        """,
    ),
    FactQuery(
        "Basket",
        ("sales_lines",),
        f"""
        SELECT basket_id AS id, 'Basket ' || basket_id || ' · ' || business_date AS display_name,
               sold_at, business_date, net_sales
        FROM ({_BASKETS})
        """,
    ),
    FactQuery(
        "Session",
        ("session_events",),
        f"""
        SELECT session_id AS id, 'Session ' || substr(session_id, 1, 12) || ' · ' || min(business_date) AS display_name,
               min(happened_at) AS started_at, bool_or(simulated) AS simulated
        FROM {_SESSIONS} GROUP BY session_id
        """,
    ),
    FactQuery(
        "Promotion",
        ("promotion_weeks",),
        f"SELECT id, display_name, mechanic, locations, valid_from, valid_to, stores, coverage FROM ({_PROMOTIONS})",
    ),
    FactQuery(
        "Campaign",
        ("campaigns",),
        """
        SELECT campaign_id AS id, concat_ws(' · ', 'Campaign ' || campaign_id, campaign_type) AS display_name, campaign_type,
               valid_from, valid_to
        FROM campaigns WHERE valid_from <= (SELECT as_of FROM bounds)
        """,
    ),
    FactQuery(
        "Coupon",
        ("coupon_products", "campaigns"),
        """
        SELECT DISTINCT campaign_id || ':' || coupon_id AS id,
               'Coupon ' || coupon_id || ' of campaign ' || campaign_id AS display_name
        FROM coupon_products SEMI JOIN (SELECT campaign_id FROM campaigns WHERE valid_from <= (SELECT as_of FROM bounds))
        USING (campaign_id)
        """,
    ),
)

_KNOWN_CAMPAIGNS = "(SELECT campaign_id FROM campaigns WHERE valid_from <= (SELECT as_of FROM bounds))"


def _declaration(relation: str) -> FactQuery:
    """Return what was stated of pairs of products; the id of a statement is `kit.ids.stable_id` of relation, pair and scope."""
    columns = f"'{relation}', source_product_id, target_product_id, d.scope"
    return FactQuery(
        relation,
        ("product_declarations",),
        f"""
        SELECT source_product_id AS source, target_product_id AS target, d.scope AS scope, 1.0::DOUBLE AS strength,
               'declared' AS unit,
               substr(sha256(concat_ws(chr(31), {columns})), 1, 32) AS assertion_id, ['product_declarations'] AS sources,
               d.source AS run_id, grade, 'active' AS status, valid_from, valid_to, recorded_from
        FROM product_declarations d WHERE relation = '{relation}' AND valid_from <= (SELECT as_of FROM bounds)
        """,
    )


EDGE_QUERIES: tuple[FactQuery, ...] = (
    FactQuery(
        "broader", ("products",), f"SELECT id AS source, parent AS target FROM ({_CATEGORY_PATHS}) WHERE parent IS NOT NULL"
    ),
    FactQuery(
        "inCategory",
        ("products",),
        f"SELECT product_id AS source, {_NARROWEST_CATEGORY} AS target FROM products WHERE department IS NOT NULL",
    ),
    FactQuery("ofBrand", ("products",), "SELECT product_id AS source, brand AS target FROM products WHERE brand IS NOT NULL"),
    FactQuery(
        "suppliedBy",
        ("products",),
        "SELECT product_id AS source, supplier_id AS target FROM products WHERE supplier_id IS NOT NULL",
    ),
    FactQuery("madeBy", ("sales_lines",), f"SELECT basket_id AS source, household_id AS target FROM ({_BASKETS})"),
    FactQuery("atStore", ("sales_lines",), f"SELECT basket_id AS source, store_id AS target FROM ({_BASKETS})"),
    FactQuery(
        "contains",
        ("sales_lines",),
        f"""
        SELECT basket_id AS source, product_id AS target, quantity, net_sales, retail_discount, coupon_discount,
               coupon_match_discount
        FROM {_SALES}
        """,
    ),
    FactQuery("promotes", ("promotion_weeks",), f"SELECT id AS source, product_id AS target FROM ({_PROMOTIONS})"),
    FactQuery(
        "appliesTo",
        ("coupon_products", "campaigns"),
        f"""
        SELECT campaign_id || ':' || coupon_id AS source, product_id AS target
        FROM coupon_products SEMI JOIN {_KNOWN_CAMPAIGNS} USING (campaign_id)
        """,
    ),
    FactQuery(
        "ofCampaign",
        ("coupon_products", "campaigns"),
        f"""
        SELECT DISTINCT campaign_id || ':' || coupon_id AS source, campaign_id AS target
        FROM coupon_products SEMI JOIN {_KNOWN_CAMPAIGNS} USING (campaign_id)
        """,
    ),
    FactQuery(
        "received",
        ("campaign_households", "campaigns"),
        f"""
        SELECT household_id AS source, campaign_id AS target
        FROM campaign_households SEMI JOIN {_KNOWN_CAMPAIGNS} USING (campaign_id)
        """,
    ),
    FactQuery(
        "redeemed",
        ("coupon_redemptions",),
        """
        SELECT household_id AS source, campaign_id || ':' || coupon_id AS target, redeemed_on
        FROM coupon_redemptions WHERE redeemed_on <= (SELECT as_of FROM bounds)
        """,
    ),
    FactQuery(
        "inSession",
        ("session_events",),
        f"SELECT DISTINCT session_id AS source, household_id AS target FROM {_SESSIONS} AND household_id IS NOT NULL",
    ),
    FactQuery(
        "viewed",
        ("session_events",),
        f"""
        SELECT session_id AS source, product_id AS target, min(happened_at) AS happened_at, count(*)::BIGINT AS events
        FROM {_SESSIONS} AND event_type = 'view' AND product_id IS NOT NULL GROUP BY ALL
        """,
    ),
    FactQuery(
        "addedToCart",
        ("session_events",),
        f"""
        SELECT session_id AS source, product_id AS target, min(happened_at) AS happened_at, count(*)::BIGINT AS events
        FROM {_SESSIONS} AND event_type = 'cart' AND product_id IS NOT NULL GROUP BY ALL
        """,
    ),
    *(_declaration(relation) for relation in ("isDeclaredEquivalentTo", "neverSubstituteFor", "requires", "replaces")),
)
