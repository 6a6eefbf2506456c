"""The vectors of a graph neural network that is trained for the bench of discovery: no release holds any.

It learns in a process of its own (`python -m gnn`), so that whoever measures stays free of torch and of its memory.
"""

import subprocess
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bench.costs import Cost, run_module
from features.discovery_links import ProductVectors
from gnn import ProductVectors as TrainedVectors
from gnn import RelationUnlearned, load_vectors
from gnn.errors import NOTHING_TO_LEARN

__all__ = ["RELATION", "trained_network", "vectors_of_products"]

RELATION = "household_buys"
"""The relation whose two sides are a product and what a household bought before."""


def trained_network(lake: Path, product_ids: pa.Array, day: date) -> tuple[ProductVectors, Cost] | None:
    """Train on what was known at the end of `day`; return the vectors in the order of `product_ids`, and what it took.

    None where there was too little to learn from. Raises: CalledProcessError.
    """
    with TemporaryDirectory(prefix="shelfgraph-bench-network-") as folder:
        try:
            cost = run_module("gnn", ["--lake", str(lake), "--as-of", day.isoformat(), "--folder", folder])
        except subprocess.CalledProcessError as ended:
            if ended.returncode == NOTHING_TO_LEARN:
                return None
            raise
        return vectors_of_products(load_vectors(Path(folder) / "vectors.safetensors"), product_ids), cost


def vectors_of_products(trained: TrainedVectors, product_ids: pa.Array) -> ProductVectors:
    """Return the trained vectors in another order; products that the network does not know score 0.

    Raises: RelationUnlearned where it was not taught what households buy.
    """
    if RELATION not in trained.sources:
        raise RelationUnlearned(RELATION, trained.relations)
    place = pc.index_in(product_ids, pa.array(trained.product_ids, product_ids.type))
    known = pc.is_valid(place).to_numpy(zero_copy_only=False)
    at = pc.fill_null(place, 0).to_numpy().astype(np.int64)
    taken, held = (np.where(known[:, None], side[RELATION][at], np.float32(0)) for side in (trained.sources, trained.targets))
    return ProductVectors(taken, held)
