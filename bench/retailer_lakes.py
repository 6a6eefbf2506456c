"""Other retailers' public data as a lake of ours: what a mapping and a contract would make of them, and nothing more."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from bench.public_data import PublicFolder
from lake import Lake
from lake.delta_lake import DeltaLake

__all__ = ["instacart_tables", "lent_lake", "online_retail_tables"]

ONLINE_RETAIL = PublicFolder("next_basket", "online_retail", "online_retail_uci", ("online_retail.parquet",))
INSTACART = PublicFolder("next_basket", "instacart", "instacart_sample", ("order_products_sample.csv.gz", "products.csv.gz"))
NOT_GOODS = frozenset({"POST", "D", "M", "DOT", "CRUK", "C2", "PADS", "BANK CHARGES"})
"""Codes of the gift shop that stand for postage, discounts, charges and corrections."""
LAST_DAY = date(2017, 12, 31)
"""Instacart's orders have no dates, only days between them: here the last order of everybody lies on this day."""
LINES = pa.schema(
    [
        *((name, pa.string()) for name in ("basket_id", "product_id", "household_id", "store_id")),
        ("sold_at", pa.timestamp("us", "UTC")),
        ("business_date", pa.date32()),
        ("week_start", pa.date32()),
        *(
            (name, pa.float64())
            for name in ("quantity", "net_sales", "retail_discount", "coupon_discount", "coupon_match_discount")
        ),
        ("merchandise", pa.bool_()),
        ("simulated", pa.bool_()),
        ("source", pa.string()),
    ]
)
PRODUCTS = ("product_id", "supplier_id", "department", "category", "product_type", "brand", "size", "name")


def online_retail_tables(path: Path | None) -> tuple[pa.Table, pa.Table]:
    """Return sales lines and products of the gift shop. Raises: DataMissing, DataDamaged.

    An invoice is a basket, a country a store. Cancellations, customers that are not known and what is no goods are left out.
    There is no catalogue: a product's type is the last word of its name, its category is not known.
    """
    file = ONLINE_RETAIL.found(path)["online_retail.parquet"]
    sold: pd.DataFrame = ONLINE_RETAIL.parsed(file, lambda: _online_retail(file))
    named = sold.drop_duplicates("StockCode", keep="last")
    names = named["Description"].str.strip()
    products = pd.DataFrame({"product_id": named["StockCode"], "name": names, "product_type": names.str.split().str[-1]})
    lines = pd.DataFrame(
        {
            "basket_id": sold["InvoiceNo"],
            "product_id": sold["StockCode"],
            "household_id": "c" + sold["CustomerID"].astype("int64").astype(str),
            "store_id": sold["Country"],
            "sold_at": sold["InvoiceDate"],
            "quantity": sold["Quantity"],
            "net_sales": sold["Quantity"] * sold["UnitPrice"],
        }
    )
    return _lines(lines, "online_retail"), _products(products, "online_retail")


def _online_retail(file: Path) -> pd.DataFrame:
    sold = pd.read_parquet(file)
    kept = sold["CustomerID"].notna() & (sold["Quantity"] > 0) & ~sold["InvoiceNo"].str.startswith("C")
    return sold[kept & ~sold["StockCode"].isin(NOT_GOODS)]


def instacart_tables(path: Path | None) -> tuple[pa.Table, pa.Table]:
    """Return sales lines and products of the sample, the last user left out: the sample may cut him. Raises as above."""
    files = INSTACART.found(path)
    bought, named = (INSTACART.parsed(file, partial(pd.read_csv, file)) for file in files.values())
    lines = INSTACART.parsed(files["order_products_sample.csv.gz"], lambda: _orders(bought))
    products = INSTACART.parsed(files["products.csv.gz"], lambda: _instacart_products(named))
    return _lines(lines, "instacart"), _products(products, "instacart")


def _orders(bought: pd.DataFrame) -> pd.DataFrame:
    bought = bought[bought["user_id"] != bought["user_id"].max()]
    orders = bought.drop_duplicates("order_id").sort_values(["user_id", "order_number"])
    days = orders.groupby("user_id")["days_since_prior_order"].transform(lambda gaps: gaps.fillna(0.0).cumsum())
    back = (days.groupby(orders["user_id"]).transform("max") - days).astype("int64")
    day = pd.Timestamp(LAST_DAY) - pd.to_timedelta(back, unit="D")
    # orders of one day keep their order
    moment = day + pd.to_timedelta(orders["order_number"].astype("int64"), unit="s")
    at = pd.Series(moment.to_numpy(), index=orders["order_id"])
    return pd.DataFrame(
        {
            "basket_id": bought["order_id"].astype(str),
            "product_id": bought["product_id"].astype(str),
            "household_id": "u" + bought["user_id"].astype(str),
            "store_id": "instacart",
            "sold_at": at.loc[bought["order_id"]].to_numpy(),
            "quantity": 1.0,
            "net_sales": 1.0,
        }
    )


def _instacart_products(named: pd.DataFrame) -> pd.DataFrame:
    columns = {"product_id": named["product_id"].astype(str), "name": named["product_name"]}
    of_number = {"department": "department_id", "category": "aisle_id"}
    return pd.DataFrame(columns | {name: named[number].astype(str) for name, number in of_number.items()})


def _lines(lines: pd.DataFrame, source: str) -> pa.Table:
    once = lines.groupby(["basket_id", "product_id"], as_index=False).agg(
        {"household_id": "first", "store_id": "first", "sold_at": "min", "quantity": "sum", "net_sales": "sum"}
    )
    # an invoice in two minutes is one basket
    once["sold_at"] = once.groupby("basket_id")["sold_at"].transform("min").dt.tz_localize("UTC")
    day = once["sold_at"].dt.normalize()
    once["business_date"] = day.dt.date
    once["week_start"] = (day - pd.to_timedelta(day.dt.weekday, unit="D")).dt.date
    constants = {"retail_discount": 0.0, "coupon_discount": 0.0, "coupon_match_discount": 0.0, "merchandise": True}
    return pa.Table.from_pandas(once.assign(**constants, simulated=False, source=source), LINES, preserve_index=False)


def _products(products: pd.DataFrame, source: str) -> pa.Table:
    known = products.reindex(columns=list(PRODUCTS)).astype(object).where(lambda values: values.notna(), None)
    schema = pa.schema(
        [
            *((name, pa.string()) for name in PRODUCTS),
            ("merchandise", pa.bool_()),
            ("simulated", pa.bool_()),
            ("source", pa.string()),
        ]
    )
    return pa.Table.from_pandas(known.assign(merchandise=True, simulated=False, source=source), schema, preserve_index=False)


@contextmanager
def lent_lake(lines: pa.Table, products: pa.Table) -> Iterator[Lake]:
    """Lend a lake that holds these sales, and the products that they speak of."""
    with TemporaryDirectory(prefix="shelfgraph-bench-") as folder:
        lake = DeltaLake(Path(folder))
        lake.replace("sales_lines", lines)
        lake.replace("products", products.filter(pc.is_in(products["product_id"], pc.unique(lines["product_id"]))))
        yield lake
