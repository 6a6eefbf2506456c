"""SearchError
└── SearchRequestInvalid   the text, the limit or the offset is outside of what is allowed
"""

from kit.errors import ShelfgraphError

__all__ = ["SearchError", "SearchRequestInvalid"]


class SearchError(ShelfgraphError):
    """Products could not be searched."""


class SearchRequestInvalid(SearchError):
    """The text, the limit or the offset is outside of what is allowed."""

    def __init__(self, problem: str) -> None:
        super().__init__(f"The search cannot be run: {problem}.", "Ask for less.")
