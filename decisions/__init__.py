"""Decision rooms, side by side: relations, forecast, recommend, search. What they share is the envelope."""

__all__: list[str] = []
