"""What leaves the network: two matrices for each relation, so that a score is a product of two rows. No torch here.

The file is safetensors: arrays and one JSON text, nothing that runs.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from gnn.errors import ProductUnplaced, RelationUnlearned, VectorsDamaged
from kit.canonical import digest_of_bytes, digest_of_value

__all__ = ["ProductVectors", "load_vectors", "save_vectors"]

FORMAT = "shelfgraph-product-vectors-1"


@dataclass(frozen=True, eq=False)
class ProductVectors:
    """Every product of the catalogue as the network sees it on one day.

    score(source → target) = sources[relation][source] · targets[relation][target]; it is no probability: within one target it
    orders the sources, and grows with the logarithm of how much more often than the negatives a source is taken. The last
    column carries how readily the source is taken at all. Relations:
        substitute: source is taken instead of target. complement: source is added to baskets with target, of another category.
        bought_with: source is in baskets with target, beyond its popularity.
        household_buys: source is bought by a household; its target vector is the weighted mean of those of what it bought of
        late (`household_vectors`), so that nobody's vector has to be kept.

    Attributes:
        product_ids: by position, ascending.
        embedding: float32, products x dims.
        sources: by relation, float32, products x decoded columns.
        targets: likewise.
        as_of: the last business day that was known.
        configuration: digest of how it was trained.
    """

    product_ids: tuple[str, ...]
    embedding: np.ndarray
    sources: Mapping[str, np.ndarray]
    targets: Mapping[str, np.ndarray]
    as_of: date
    configuration: str

    @cached_property
    def digest(self) -> str:
        """SHA-256 of all that is here: equal for equal content."""
        arrays = {name: digest_of_bytes(np.ascontiguousarray(array).tobytes()) for name, array in self._arrays().items()}
        return digest_of_value([self.as_of, self.configuration, list(self.product_ids), arrays])

    @property
    def model_version(self) -> str:
        """Name of what was learned: gnn- and twelve characters of the digest."""
        return f"gnn-{self.digest[:12]}"

    @property
    def relations(self) -> tuple[str, ...]:
        """What can be asked for, sorted."""
        return tuple(sorted(self.sources))

    def position(self, product_id: str) -> int:
        """Return where a product stands. Raises: ProductUnplaced."""
        try:
            return self._places[product_id]
        except KeyError as error:
            raise ProductUnplaced(product_id) from error

    def score(self, relation: str, source_positions: np.ndarray, target_positions: np.ndarray) -> np.ndarray:
        """Return the score of each pair (float32). Raises: RelationUnlearned."""
        source, target = self._matrices(relation)
        return np.asarray(np.einsum("ij,ij->i", source[source_positions], target[target_positions]), dtype=np.float32)

    def scores_of_target(self, relation: str, target_position: int) -> np.ndarray:
        """Return the score of every product as a source for one target (float32). Raises: RelationUnlearned."""
        source, target = self._matrices(relation)
        return np.asarray(source @ target[target_position], dtype=np.float32)

    def household_vectors(self, household: np.ndarray, product: np.ndarray, weight: np.ndarray, households: int) -> np.ndarray:
        """Return the target vector of each household (float32, households x columns) from parallel arrays of its purchases.

        `weight` is that of `bought_by` in `gnn.graph`, or any other above 0. A household without purchases gets zeros.
        Score: `sources["household_buys"][product] · vector`.
        """
        target = self.targets["household_buys"]
        total = np.bincount(household, weight, minlength=households)
        vectors = np.zeros((households, target.shape[1]), dtype=np.float64)
        np.add.at(vectors, household, target[product] * weight[:, None])
        return (vectors / np.where(total > 0, total, 1.0)[:, None]).astype(np.float32)

    @cached_property
    def _places(self) -> dict[str, int]:
        return {product: place for place, product in enumerate(self.product_ids)}

    def _matrices(self, relation: str) -> tuple[np.ndarray, np.ndarray]:
        if relation not in self.sources:
            raise RelationUnlearned(relation, self.relations)
        return self.sources[relation], self.targets[relation]

    def _arrays(self) -> dict[str, np.ndarray]:
        sides = {"source": self.sources, "target": self.targets}
        decoded = {
            f"{side}.{relation}": array for side, matrices in sides.items() for relation, array in sorted(matrices.items())
        }
        return {"embedding": self.embedding, **decoded}


def save_vectors(vectors: ProductVectors, path: Path) -> None:
    """Write the vectors to `path`, whole or not at all; equal vectors give equal bytes."""
    about = {
        "format": FORMAT,
        "as_of": vectors.as_of.isoformat(),
        "configuration": vectors.configuration,
        "digest": vectors.digest,
        "product_ids": list(vectors.product_ids),
    }
    arrays = {name: np.ascontiguousarray(array) for name, array in vectors._arrays().items()}  # noqa: SLF001 - the file's other half
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(path.name + ".draft")
    draft.write_bytes(save(arrays, {"about": json.dumps(about, ensure_ascii=False, sort_keys=True)}))
    draft.replace(path)


def load_vectors(path: Path) -> ProductVectors:
    """Return the vectors of a file.

    Raises:
        VectorsDamaged: it is missing, of another format, or does not hold what its digest says.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            about = json.loads((file.metadata() or {}).get("about", "{}"))
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - the file is no mapping
    except (OSError, SafetensorError, ValueError) as error:
        raise VectorsDamaged(path, str(error)) from error
    vectors = _vectors(path, about, arrays)
    if vectors.digest != about["digest"]:
        raise VectorsDamaged(path, "its content is not what its digest says")
    return vectors


def _vectors(path: Path, about: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> ProductVectors:
    if about.get("format") != FORMAT:
        raise VectorsDamaged(path, f"its format is {about.get('format')!r}, not {FORMAT!r}")
    sides: dict[str, dict[str, np.ndarray]] = {"source": {}, "target": {}}
    for name, array in arrays.items():
        side, _, relation = name.partition(".")
        if relation:
            sides[side][relation] = array
    ids, as_of = tuple(about["product_ids"]), date.fromisoformat(about["as_of"])
    return ProductVectors(ids, arrays["embedding"], sides["source"], sides["target"], as_of, about["configuration"])
