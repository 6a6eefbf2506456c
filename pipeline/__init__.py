"""The build: from feeds to a release that can be served. The only room that runs the others in order."""

__all__: list[str] = []
