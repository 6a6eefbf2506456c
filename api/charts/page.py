"""A chart as a page: the picture, and its numbers as tables for whoever cannot see it or wants to copy them.

The picture stands in the page itself, so that it belongs to the same decision and the page can be kept as one file.
"""

from collections.abc import Sequence
from html import escape

from api.charts.contract import Table, Told
from api.charts.words import readable

__all__ = ["page_of"]

STYLE = """
:root { color: #1a1a1a; background: #ffffff; font: 1rem/1.5 "DejaVu Sans", Verdana, Geneva, sans-serif; }
body { margin: 1rem auto; max-width: 72rem; padding: 0 1rem; }
h1 { font-size: 1.3rem; }
figure { margin: 0 0 1.5rem; overflow-x: auto; }
figure svg { width: 100%; height: auto; min-width: 46rem; }
figcaption { color: #555555; }
.tables { display: flex; flex-wrap: wrap; gap: 2rem; align-items: flex-start; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
caption { font-weight: bold; padding-bottom: 0.4rem; text-align: left; }
th, td { border-bottom: 1px solid #b0b0b0; padding: 0.25rem 0.7rem; text-align: right; vertical-align: top; }
th:first-child { font-weight: normal; max-width: 26rem; text-align: left; }
thead th { border-bottom: 2px solid #555555; }
thead th:first-child { font-weight: bold; }
""".strip()


def page_of(told: Told, svg: bytes, remarks: Sequence[str]) -> bytes:
    """Return the page as HTML: no scripts, nothing from elsewhere.

    Args:
        told: the chart in words.
        svg: its picture.
        remarks: sentences below the tables, such as the decision it belongs to.
    """
    title = _text(told.title)
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{title}</title><style>{STYLE}</style></head><body><main>",
        f"<h1>{title}</h1>",
        f'<figure tabindex="0">{svg.decode()}<figcaption>{_text(told.description)}</figcaption></figure>',
        f'<div class="tables">{"".join(map(_table, told.tables))}</div>',
        *(f"<p>{_text(remark)}</p>" for remark in remarks),
        "</main></body></html>",
        "",
    ]
    return "\n".join(parts).encode()


def _table(table: Table) -> str:
    head = "".join(f'<th scope="col">{_text(name)}</th>' for name in table.columns)
    rows = "".join(f"<tr>{_row(row)}</tr>\n" for row in table.rows)
    return f"<table><caption>{_text(table.caption)}</caption><thead><tr>{head}</tr></thead><tbody>\n{rows}</tbody></table>\n"


def _row(row: Sequence[str]) -> str:
    first, *others = row
    return f'<th scope="row">{_text(first)}</th>' + "".join(f"<td>{_text(cell)}</td>" for cell in others)


def _text(text: str) -> str:
    return escape(readable(text))
