"""Lists that are no decisions: all products, and what a search finds."""

from api.asked import Asked
from api.catalogue import CatalogueFilter
from api.errors import CursorInvalid
from api.graphql.answer_types import ProductConnection, ProductEdge, SearchConnection, SearchEdge
from api.graphql.envelope_types import PageInfo
from api.graphql.product_types import check_first, load_products
from api.loaders import Page
from decisions.search.contract import SearchRequest

__all__ = ["product_connection", "search_connection"]

MAXIMUM_SEEN = 1000
"""How deep a search can be paged: nobody reads further, and each page is found anew."""


def product_connection(asked: Asked, wanted: CatalogueFilter, first: int, after: str | None) -> ProductConnection:
    """Return a page of products, keyed by the last product's id. Raises: ArgumentInvalid, CursorInvalid and its kin."""
    check_first(first)
    scope = f"products:{wanted}"
    cursors = asked.front.cursors
    last_id = None if after is None else str(cursors.read(scope, after))
    found = asked.front.catalogue.page(wanted, first=first, after_id=last_id)
    products = load_products(asked, Page("Product", found.ids)) if found.ids else {}
    edges = [ProductEdge(cursor=cursors.give(scope, one), node=products[one]) for one in found.ids]
    info = PageInfo.of(edges, seen=int(after is not None), more=found.has_next)
    return ProductConnection(edges=edges, page_info=info, total_count=found.total)


def search_connection(asked: Asked, text: str, first: int, after: str | None, *, merchandise_only: bool) -> SearchConnection:
    """Return a page of matches. Raises: ArgumentInvalid, CursorInvalid and its kin, SearchRequestInvalid."""
    check_first(first)
    scope = f"search:{merchandise_only}:{text}"
    cursors = asked.front.cursors
    seen = 0 if after is None else int(cursors.read(scope, after))
    if not 0 <= seen <= MAXIMUM_SEEN:
        raise CursorInvalid
    found = asked.services.search.search(SearchRequest(text, first, seen, merchandise_only))
    products = load_products(asked, Page("Product", tuple(hit.product_id for hit in found.hits))) if found.hits else {}
    edges = [
        SearchEdge(cursor=cursors.give(scope, rank), node=products[hit.product_id], score=hit.score)
        for rank, hit in enumerate(found.hits, seen + 1)
    ]
    more = seen + len(edges) < min(found.total, MAXIMUM_SEEN)
    return SearchConnection(edges=edges, page_info=PageInfo.of(edges, seen=seen, more=more), total_count=found.total)
