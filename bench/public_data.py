"""Files of public data that lie outside the project: found under a folder that is named, or refused."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.errors import DataDamaged, DataMissing

__all__ = ["PublicFolder"]


@dataclass(frozen=True, slots=True)
class PublicFolder:
    """A data set of a benchmark: `folder` is where its files lie, or the folder above that.

    Args:
        bench: which benchmark asks.
        data: the data set's name.
        name: the folder's own name, where the folder above it is given.
        files: what must be there.
    """

    bench: str
    data: str
    name: str
    files: tuple[str, ...]

    def found(self, path: Path | None) -> dict[str, Path]:
        """Return where each file lies. Raises: DataMissing."""
        for folder in (path, path / self.name) if path else ():
            if all((folder / name).is_file() for name in self.files):
                return {name: folder / name for name in self.files}
        raise DataMissing(self.bench, self.data, self.files)

    def json_object(self, path: Path) -> Mapping[str, Any]:
        """Return the object that a file holds. Raises: DataDamaged."""
        try:
            content = json.loads(path.read_text())
        except ValueError as error:
            raise DataDamaged(self.data, path.name, "it is not JSON.") from error
        if not isinstance(content, dict):
            raise DataDamaged(self.data, path.name, "it holds no object.")
        return content

    def parsed(self, path: Path, parse: Callable[[], Any]) -> Any:
        """Return what `parse` makes of a file; what does not fit its form is refused. Raises: DataDamaged."""
        try:
            return parse()
        except (ValueError, TypeError, LookupError, AttributeError, EOFError, OSError) as error:
            raise DataDamaged(self.data, path.name, f"its content has another form ({error!r:.80}).") from error
