"""Graph neural networks: the only room with torch. What it learns leaves it as arrays that serving maps, never as a model."""

__all__: list[str] = []
