"""`python -m gnn --lake FOLDER --as-of DAY --folder FOLDER`: train the network in a process of its own.

Ends with `gnn.errors.NOTHING_TO_LEARN` where there is too little to learn from.
"""

import argparse
import sys
from datetime import date
from pathlib import Path

from gnn.errors import NOTHING_TO_LEARN, NothingToLearn
from gnn.train import train
from kit.progress import SilentProgress
from lake.delta_lake import DeltaLake

parser = argparse.ArgumentParser(prog="python -m gnn", description="Train the graph neural network on what was known on a day.")
parser.add_argument("--lake", type=Path, required=True, help="folder of the facts")
parser.add_argument("--as-of", type=date.fromisoformat, required=True, help="the last day that is known, such as 2017-08-27")
parser.add_argument("--folder", type=Path, required=True, help="receives vectors.safetensors, curves and checkpoint")
parser.add_argument("--seed", type=int, default=7)

if __name__ == "__main__":
    asked = parser.parse_args()
    try:
        train(DeltaLake(asked.lake), as_of=asked.as_of, seed=asked.seed, progress=SilentProgress(), folder=asked.folder)
    except NothingToLearn as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(NOTHING_TO_LEARN)
