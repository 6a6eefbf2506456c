"""The GraphQL schema, its limits, and running a document against it."""

__all__: list[str] = []
