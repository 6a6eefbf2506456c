"""Charts of answers, as SVG, PNG and pages: drawn from plain values, readable without colour, the same bytes each time."""

__all__: list[str] = []
