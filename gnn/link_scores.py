"""Scores of typed links from the network in `gnn.links`, asked for by code that must not import torch.

The network learns in a process of its own, which hands back arrays: whoever asks stays free of torch and of its memory.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt

from gnn.errors import EncoderFailed

__all__ = ["LinkEncoderConfig", "TypedLinks", "link_scores"]

IntArray = npt.NDArray[np.int64]
LINKS, SETTINGS, SCORES = "links.npz", "settings.json", "scores.npy"


@dataclass(frozen=True, slots=True)
class TypedLinks:
    """Directed links, row by row: `kind` counts from 0, `source` and `target` are node positions below `nodes`."""

    nodes: int
    kinds: int
    kind: IntArray
    source: IntArray
    target: IntArray

    def __len__(self) -> int:
        return len(self.kind)

    def take(self, rows: npt.NDArray[np.bool_] | IntArray) -> "TypedLinks":
        """Return the links of these rows alone."""
        return replace(self, kind=self.kind[rows], source=self.source[rows], target=self.target[rows])


@dataclass(frozen=True, slots=True)
class LinkEncoderConfig:
    """How the network learns.

    Args:
        dimensions: length of a node's vector.
        layers: how many steps messages go.
        epochs: how often every link is foretold.
        batches: parts of an epoch; while a part is foretold, its links carry no messages.
        negatives: pairs that are no links, per link.
        two_hop_share: the part of them drawn two steps from the source, the rest at random.
        learning_rate: of Adam at the start; it falls to 0 along half a cosine.
        dropout: the part of the vectors' entries hidden from the decoders while learning.
    """

    dimensions: int = 96
    layers: int = 2
    epochs: int = 8
    batches: int = 12
    negatives: int = 4
    two_hop_share: float = 0.0
    learning_rate: float = 0.03
    dropout: float = 0.2


def link_scores(
    links: TypedLinks, queries: TypedLinks, *, seed: int, config: LinkEncoderConfig | None = None
) -> npt.NDArray[np.float64]:
    """Return for each query the network's log odds that it is a link; one process, the same seed gives the same bytes.

    Raises: EncoderFailed.
    """
    with TemporaryDirectory(prefix="shelfgraph-links-") as name:
        folder = Path(name)
        settings = {**asdict(config or LinkEncoderConfig()), "seed": seed, "nodes": links.nodes, "kinds": links.kinds}
        (folder / SETTINGS).write_text(json.dumps(settings))
        np.savez(
            folder / LINKS,
            links=np.stack([links.kind, links.source, links.target]),
            queries=np.stack([queries.kind, queries.source, queries.target]),
        )
        _run([sys.executable, "-m", "gnn.links", str(folder)])
        scores: npt.NDArray[np.float64] = np.load(folder / SCORES)
    return scores


def _run(command: Sequence[str]) -> None:
    root = Path(__file__).resolve().parent.parent
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)  # noqa: S603 - our own module, a list
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        raise EncoderFailed(last)
