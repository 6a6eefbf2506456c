"""Search by words over type, category, brand, size and name."""

from decisions.search.contract import SearchAnswer, SearchHit, SearchRequest
from decisions.search.product_search import ProductSearch

__all__ = ["ProductSearch", "SearchAnswer", "SearchHit", "SearchRequest"]
