"""Parts with no retail noun in them: clock, ids, canonical bytes, progress, batching."""

__all__: list[str] = []
