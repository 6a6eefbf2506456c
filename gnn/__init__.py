"""Graph neural networks: the only room with torch. What it learns leaves it as arrays that serving maps, never as a model.

`gnn.train.train` needs torch; what this door shows does not.
"""

from gnn.configuration import TrainingConfig
from gnn.errors import CheckpointForeign, GnnError, NothingToLearn, ProductUnplaced, RelationUnlearned, VectorsDamaged
from gnn.evaluate import LinkQuality, evaluate
from gnn.export import ProductVectors, load_vectors, save_vectors

__all__ = [
    "CheckpointForeign",
    "GnnError",
    "LinkQuality",
    "NothingToLearn",
    "ProductUnplaced",
    "ProductVectors",
    "RelationUnlearned",
    "TrainingConfig",
    "VectorsDamaged",
    "evaluate",
    "load_vectors",
    "save_vectors",
]
