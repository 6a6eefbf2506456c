"""Which of the columns asked for a file has, by its header."""

from pathlib import Path

from ingest.errors import ColumnsMissing, FileDamaged

__all__ = ["columns_to_read"]


def columns_to_read(
    path: Path, wanted: tuple[str, ...], found: tuple[str, ...], optional: tuple[str, ...] = ()
) -> tuple[str, ...]:
    """Return the wanted columns that are there. Optional ones may be missing, but only from a file that has no other column.

    A column of another name may be the missing one misspelt: a price of one store would be taken as that of every store.
    Raises: ColumnsMissing; FileDamaged, when one is there twice.
    """
    may_lack = set(optional) if set(found) <= set(wanted) else set()
    missing = tuple(name for name in wanted if name not in found and name not in may_lack)
    if missing:
        raise ColumnsMissing(path, missing, found)
    if twice := [name for name in wanted if found.count(name) > 1]:
        raise FileDamaged(path, f"it holds the column {twice[0]} more than once")
    return tuple(name for name in wanted if name in found)
