"""Plain HTTP: the fast path of recommendations, health and metrics, and the playground's files."""

__all__: list[str] = []
