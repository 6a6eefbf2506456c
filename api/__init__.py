"""The service over HTTP: GraphQL, JSON, settings and the wiring. Opened by its files: `api.app`, `api.wiring`, `api.server`."""

__all__: list[str] = []
