"""One of the processes that torchrun starts: trains on a tiny shop and writes down the digest of what it made."""

import sys
from pathlib import Path

from torch import distributed

import gnn.train
from kit.progress import SilentProgress
from lake.delta_lake import DeltaLake
from tests.gnn.conftest import SHORT
from tests.tiny_retailer import AS_OF

if __name__ == "__main__":
    lake, folder = DeltaLake(Path(sys.argv[1]), threads=1), Path(sys.argv[2])
    vectors = gnn.train.train(lake, as_of=AS_OF, seed=3, progress=SilentProgress(), folder=folder, config=SHORT)
    rank = distributed.get_node_local_rank()
    (folder / f"digest.{rank}").write_text(vectors.digest)
