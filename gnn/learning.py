"""One step of learning: encode what the examples need, and let the taken stand above what was not taken."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from gnn.batches import Batches, Encodable
from gnn.examples import Examples, Histories
from gnn.model import Network
from gnn.spreading import spread_of

__all__ = ["Classroom", "losses"]


@dataclass(frozen=True, slots=True, eq=False)
class Classroom:
    """Where examples of one window are encoded. `most` bounds the purchases of a household (None: all)."""

    batches: Batches
    histories: Histories
    most: int | None
    device: torch.device


@dataclass(frozen=True, slots=True, eq=False)
class _Basis:
    """The vectors that targets are means of: which product, for which target (a row of `distinct`), by what weight."""

    distinct: np.ndarray
    inverse: np.ndarray
    row: np.ndarray
    product: np.ndarray
    weight: np.ndarray


def losses(
    network: Network, room: Classroom, examples: Mapping[str, Examples], *, hidden: np.ndarray, draw: int
) -> dict[str, torch.Tensor]:
    """Return the mean cross-entropy of each relation, in nats: one taken source among those that were not taken.

    Args:
        network: in any mode.
        room: the graph that ends before the examples begin.
        examples: by relation, not empty.
        hidden: which products' own vectors are hidden (bool, all products).
        draw: which sampled neighbours are looked at.
    """
    bases = {relation: _basis(relation, part, room) for relation, part in examples.items()}
    needed = [part for relation, one in examples.items() for part in (one.source, one.others.ravel(), bases[relation].product)]
    encodable = room.batches.around(np.unique(np.concatenate(needed)), draw)
    nodes = encodable.batch.nodes["product"].cpu().numpy()
    known = torch.from_numpy((~hidden[nodes]).astype(np.float32)).to(room.device)
    embedding = network(encodable.batch, known)
    return {
        relation: _loss(network, relation, part, bases[relation], embedding, encodable) for relation, part in examples.items()
    }


def _basis(relation: str, examples: Examples, room: Classroom) -> _Basis:
    distinct, inverse = np.unique(examples.target, return_inverse=True)
    if relation == "household_buys":
        return _Basis(distinct, inverse, *room.histories.of(distinct, room.most))
    return _Basis(distinct, inverse, np.arange(len(distinct)), distinct, np.ones(len(distinct)))


def _loss(
    network: Network, relation: str, examples: Examples, basis: _Basis, embedding: torch.Tensor, encodable: Encodable
) -> torch.Tensor:
    decoder, device = network.decoder(relation), embedding.device
    asked, place = np.unique(np.column_stack([examples.source, examples.others]), return_inverse=True)
    sources = decoder.sources(embedding[torch.from_numpy(encodable.rows_of(asked)).to(device)])
    held, holding = np.unique(basis.product, return_inverse=True)
    targets = decoder.targets(embedding[torch.from_numpy(encodable.rows_of(held)).to(device)])
    mean = spread_of(basis.row, holding, basis.weight, (len(basis.distinct), len(held)), device)
    target = functional.embedding(torch.from_numpy(basis.inverse).to(device), mean(targets))
    choices = functional.embedding(torch.from_numpy(place.reshape(len(target), -1)).to(device), sources)
    scores = torch.einsum("bkd,bd->bk", choices, target)
    excluded = np.column_stack([np.zeros(len(target), dtype=bool), examples.taken_too])
    scores = scores.masked_fill(torch.from_numpy(excluded).to(device), float("-inf"))
    return functional.cross_entropy(scores, torch.zeros(len(target), dtype=torch.long, device=device))
