"""What the generator assumes of a retailer and no feed says: declared beside the source's mapping, never in code."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

__all__ = ["Assumptions"]


@dataclass(frozen=True, slots=True)
class Assumptions:
    """The `simulation` block of a `source.yaml`. A retailer without one has no fresh departments and one margin for all."""

    fresh_departments: tuple[str, ...] = ()
    """Departments whose suppliers deliver daily, as the feed writes them."""
    margins: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    """Assumed gross margins by department, as shares of the price."""
    default_margin: float = 0.30
    """The margin of every other department."""

    @classmethod
    def from_yaml(cls, entry: Mapping[str, Any]) -> "Assumptions":
        """Read the block. Raises: ValueError, TypeError, AttributeError when it is written otherwise."""
        margins = {str(name): _share(name, value) for name, value in entry.get("margins", {}).items()}
        fresh = entry.get("fresh_departments", [])
        if not isinstance(fresh, list) or not all(isinstance(name, str) for name in fresh):
            raise ValueError(f"`fresh_departments` must be a list of names, not {fresh!r}")
        default = _share("default_margin", entry.get("default_margin", cls().default_margin))
        return cls(tuple(fresh), MappingProxyType(margins), default)

    def as_yaml(self) -> dict[str, Any]:
        """Return the block that these were read from."""
        return {
            "fresh_departments": list(self.fresh_departments),
            "margins": dict(self.margins),
            "default_margin": self.default_margin,
        }


def _share(name: Any, value: Any) -> float:
    # the generator moves a margin by up to 0.05, so that a cost stays above 0 and below the price
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0.05 <= value < 0.95:
        raise ValueError(f"the margin of {name} is {value!r}; it must be a share from 0.05 to below 0.95")
    return float(value)
