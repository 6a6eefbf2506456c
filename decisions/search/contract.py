"""Search by words over type, category, brand, size and name."""

from dataclasses import dataclass

__all__ = ["SearchAnswer", "SearchHit", "SearchRequest"]


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """`text` up to 200 characters; `limit` 1 to 100; `merchandise_only` leaves fuel, coupons and miscellany out."""

    text: str
    limit: int = 20
    offset: int = 0
    merchandise_only: bool = True


@dataclass(frozen=True, slots=True)
class SearchHit:
    """One product and how well it matches."""

    product_id: str
    score: float


@dataclass(frozen=True, slots=True)
class SearchAnswer:
    """Best matches first; `total` counts all of them."""

    text: str
    total: int
    hits: tuple[SearchHit, ...]
