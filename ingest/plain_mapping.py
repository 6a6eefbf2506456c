"""The mapping that needs no YAML: a file whose columns are called as in the contract."""

from pathlib import Path

from ingest.contract import Contract, contract_of
from ingest.mapping import ColumnMapping, FeedMapping, FileFormat

__all__ = ["plain_mapping"]

PARQUET = ".parquet"


def plain_mapping(feed: str, path: Path | None = None) -> FeedMapping:
    """Return the mapping of a file in the contract's own columns; a household's column still holds the retailer's number.

    Columns that the contract does not require may be missing. `path` is the file, or the folder in which it is called
    FEED.parquet or FEED.csv: a name that ends in `.parquet` is read as Parquet, any other as CSV.
    Raises: FeedUnknown.
    """
    contract = contract_of(feed)
    name = _file_name(feed, path)
    return FeedMapping(
        feed=feed,
        file=name,
        format=FileFormat("parquet" if name.lower().endswith(PARQUET) else "csv"),
        columns=tuple(_column(item.name, pseudonym=item.pseudonym) for item in contract.fields),
        personal=_personal(contract),
        rules=(),
        key_column=None,
        sightings=(),
        aggregation=None,
        text=f"feed: {feed}\n# the columns of the contract by their own names\n",
        optional=tuple(item.name for item in contract.fields if not item.required),
    )


def _file_name(feed: str, path: Path | None) -> str:
    if path is not None and not path.is_dir():
        return path.name
    as_parquet = f"{feed}{PARQUET}"
    return as_parquet if path is not None and (path / as_parquet).is_file() else f"{feed}.csv"


def _column(name: str, *, pseudonym: bool) -> ColumnMapping:
    return ColumnMapping(name, (name,), "pseudonym" if pseudonym else "cast")


def _personal(contract: Contract) -> tuple[str, ...]:
    return tuple(item.name for item in contract.fields if item.pseudonym)
