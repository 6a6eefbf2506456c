"""What runs over books and graph (erasure, retention, drift, fairness); none is written yet."""

__all__: list[str] = []
