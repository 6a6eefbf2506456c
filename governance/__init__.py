"""What makes decisions traceable, reversible and safe: policy, records and jobs."""

__all__: list[str] = []
