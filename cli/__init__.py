"""The command line `shelfgraph`, one file per verb."""

__all__: list[str] = []
