"""What planners do: scenarios, forecasts set by hand, and jobs. Opened by its files."""

__all__: list[str] = []
